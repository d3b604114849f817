/** The tables of runs and their attempts, and the states of a run. */
import { type Selectable, sql } from 'kysely';

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
  /** The step at which the run was last retried by hand, and the attempts made of it until then. */
  retried_step: number | null;
  retried_attempt: number | null;
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

export type RunRow = Selectable<RunsTable>;
export type AttemptRow = Selectable<RunAttemptsTable>;

/** States from which a run is claimed, written out so that SQLite recognises the partial index. */
export const CLAIMABLE = [sql.lit<RunStatus>('queued'), sql.lit<RunStatus>('waiting')];
export const UNFINISHED: readonly RunStatus[] = ['queued', 'waiting', 'running'];
export const FINISHED: readonly RunStatus[] = ['completed', 'failed', 'cancelled'];

declare module '@/platform/db/tables.ts' {
  interface Tables {
    runs: RunsTable;
    run_attempts: RunAttemptsTable;
  }
}
