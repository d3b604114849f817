/** The tables of users and their credentials. */
import type { Role } from '@/platform/identity/roles.ts';

export interface UsersTable {
  id: string;
  username: string;
  /** The user name lower-cased: unique. */
  username_key: string;
  email: string | null;
  password_hash: string;
  role: Role;
  active: 0 | 1;
  /** Tokens of another generation are refused: it grows with a password change and a log-out everywhere. */
  token_generation: number;
  created_at: number;
  updated_at: number;
}

export interface ApiKeysTable {
  id: string;
  user_id: string;
  name: string;
  /** SHA-256 of the key, hex: the key has 256 random bits, so a slow hash would add nothing. */
  key_hash: string;
  /** First characters of the key, to recognise it in a list. */
  prefix: string;
  role: Role;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  revoked_at: number | null;
}

export interface RevokedTokensTable {
  jti: string;
  user_id: string;
  expires_at: number;
}

declare module '@/platform/db/tables.ts' {
  interface Tables {
    users: UsersTable;
    api_keys: ApiKeysTable;
    revoked_tokens: RevokedTokensTable;
  }
}
