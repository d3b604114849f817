/** The first tables: users, their keys and revoked tokens. */
import { FOUNDATIONS, type Migration } from '@/platform/db/migrations/migration.ts';

export const authTables: Migration = {
  id: '2026_11_24_auth',
  partOf: FOUNDATIONS,
  statements: ({ text, whole, small, keyed }) => [
    `create table users (
      id ${text} primary key not null,
      username ${text} not null,
      username_key ${text} not null,
      email ${text},
      password_hash ${text} not null,
      role ${text} not null,
      active ${small} not null,
      token_generation ${whole} not null,
      created_at ${whole} not null,
      updated_at ${whole} not null
    )${keyed}`,
    'create unique index users_username_key on users (username_key)',

    `create table api_keys (
      id ${text} primary key not null,
      user_id ${text} not null references users (id),
      name ${text} not null,
      key_hash ${text} not null,
      prefix ${text} not null,
      role ${text} not null,
      created_at ${whole} not null,
      expires_at ${whole},
      last_used_at ${whole},
      revoked_at ${whole}
    )${keyed}`,
    'create unique index api_keys_key_hash on api_keys (key_hash)',
    'create index api_keys_user on api_keys (user_id)',

    `create table revoked_tokens (
      jti ${text} primary key not null,
      user_id ${text} not null,
      expires_at ${whole} not null
    )${keyed}`,
    'create index revoked_tokens_expiry on revoked_tokens (expires_at)',
  ],
};
