/**
 * The tables, as Kysely sees them. Both databases hold the same types: ids and JSON as text, times as epoch
 * milliseconds, flags as 0 or 1. Migrations under `migrations/` create them; a golden file guards both.
 */
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

export interface LeadsTable {
  id: string;
  first_name: string | null;
  last_name: string | null;
  email: string | null;
  phone: string | null;
  company: string | null;
  source: string | null;
  /** JSON object. */
  custom_fields: string;
  /** Record id in the CRM once a workflow has put the lead there. */
  crm_id: string | null;
  /** Starts at 1, grows by 1 with each change: the ETag. */
  version: number;
  created_by: string | null;
  created_at: number;
  updated_at: number;
}

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

export interface WorkflowsTable {
  id: string;
  name: string;
  description: string | null;
  /** `lead.created` or `manual`: of the newest version, for matching. */
  trigger: string;
  enabled: 0 | 1;
  /** Number of the newest version. */
  version: number;
  created_at: number;
  updated_at: number;
}

export interface WorkflowVersionsTable {
  workflow_id: string;
  version: number;
  /** JSON, as validated by `features/workflows/schema.ts`. */
  definition: string;
  created_by: string | null;
  created_at: number;
}

export type RunStatus = 'queued' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled';

export interface RunsTable {
  id: string;
  workflow_id: string;
  workflow_version: number;
  lead_id: string | null;
  trigger: string;
  status: RunStatus;
  /** Index of the next step. */
  cursor: number;
  /** Attempts made of the step at the cursor. */
  attempt: number;
  /** JSON: what the trigger gave, and the outputs of finished steps. */
  context: string;
  /** Not claimed before this moment (delay, retry). */
  available_at: number;
  lease_owner: string | null;
  lease_until: number | null;
  /** Grows with each claim; a checkpoint with an older one is refused. */
  fencing_token: number;
  error: string | null;
  created_at: number;
  started_at: number | null;
  completed_at: number | null;
}

export interface RunAttemptsTable {
  run_id: string;
  step_index: number;
  attempt: number;
  step_id: string;
  step_type: string;
  outcome: 'succeeded' | 'failed';
  /** JSON. */
  output: string | null;
  error: string | null;
  started_at: number;
  finished_at: number;
}

export interface ConnectorsTable {
  id: string;
  kind: string;
  name: string;
  /** JSON without credentials. */
  settings: string;
  /** Credentials, AES-256-GCM. */
  sealed_credentials: string | null;
  created_at: number;
  updated_at: number;
}

export interface AuditEventsTable {
  id: string;
  occurred_at: number;
  actor_type: 'user' | 'anonymous' | 'system' | 'cli';
  actor_id: string | null;
  actor_name: string | null;
  action: string;
  target_type: string | null;
  target_id: string | null;
  outcome: 'success' | 'failure' | 'denied';
  request_id: string | null;
  address: string | null;
  /** JSON: ids and field names, never personal values or secrets. */
  details: string;
  /** Place in the chain; null until sealed. */
  seq: number | null;
  /** SHA-256 over the previous hash and this event, hex; null until sealed. */
  hash: string | null;
}

/** A signed head of the chain: up to `seq` everything is as `hash` says. */
export interface AuditHeadsTable {
  seq: number;
  hash: string;
  signed_at: number;
  key_id: string;
  public_key: string;
  signature: string;
}

export interface LeasesTable {
  name: string;
  holder: string;
  expires_at: number;
}

export interface Tables {
  users: UsersTable;
  api_keys: ApiKeysTable;
  revoked_tokens: RevokedTokensTable;
  leads: LeadsTable;
  idempotency_keys: IdempotencyKeysTable;
  workflows: WorkflowsTable;
  workflow_versions: WorkflowVersionsTable;
  runs: RunsTable;
  run_attempts: RunAttemptsTable;
  connectors: ConnectorsTable;
  audit_events: AuditEventsTable;
  audit_heads: AuditHeadsTable;
  leases: LeasesTable;
}
