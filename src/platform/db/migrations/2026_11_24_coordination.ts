/** The first tables: stored answers to keyed requests, and leases. */
import { FOUNDATIONS, type Migration } from './migration.ts';

export const coordinationTables: Migration = {
  id: '2026_11_24_coordination',
  partOf: FOUNDATIONS,
  statements: ({ text, whole, keyed }) => [
    `create table idempotency_keys (
      scope ${text} not null,
      key ${text} not null,
      request_hash ${text} not null,
      response ${text} not null,
      subject_id ${text},
      created_at ${whole} not null,
      expires_at ${whole} not null,
      primary key (scope, key)
    )`,
    'create index idempotency_keys_expiry on idempotency_keys (expires_at)',
    'create index idempotency_keys_subject on idempotency_keys (subject_id)',

    `create table leases (
      name ${text} primary key not null,
      holder ${text} not null,
      expires_at ${whole} not null
    )${keyed}`,
  ],
};
