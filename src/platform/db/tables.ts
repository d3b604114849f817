/**
 * The tables, as Kysely sees them. Each feature adds its own to `Tables` by declaration merging, beside the migration
 * that creates them. Both databases hold the same types: ids and JSON as text, times as epoch milliseconds, flags as 0
 * or 1; a golden file guards both.
 */

export interface IdempotencyKeysTable {
  /** Principal and route, so that two users cannot meet on one key. */
  scope: string;
  key: string;
  request_hash: string;
  /** The stored answer, JSON; empty once what it tells of was deleted. */
  response: string;
  /** Id of what the answer tells of, if it may hold personal data. */
  subject_id: string | null;
  created_at: number;
  expires_at: number;
}

export interface LeasesTable {
  name: string;
  holder: string;
  expires_at: number;
}

export interface Tables {
  idempotency_keys: IdempotencyKeysTable;
  leases: LeasesTable;
}
