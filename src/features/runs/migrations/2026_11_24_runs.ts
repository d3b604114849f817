/** The first tables: runs and their attempts. */
import { FOUNDATIONS, type Migration } from '@/platform/db/migrations/migration.ts';

/**
 * SQLite plans by these numbers instead of a guess: of many runs most are over, and the few that wait come from their
 * own index in the right order. Without them a claim would sort the whole queue each time.
 */
const RUN_STATISTICS = [
  'analyze',
  `insert into sqlite_stat1 (tbl, idx, stat) values
    ('runs', 'sqlite_autoindex_runs_1', '1000000 1'), ('runs', 'runs_status', '1000000 200000 1'),
    ('runs', 'runs_claimable', '2000 2 1 1'), ('runs', 'runs_claimable_of', '2000 200 2 1 1'),
    ('runs', 'runs_leased', '200 1 1'),
    ('runs', 'runs_workflow', '1000000 50000 1'), ('runs', 'runs_lead', '1000000 2')`,
  'analyze sqlite_schema',
];

export const runsTables: Migration = {
  id: '2026_11_24_runs',
  partOf: FOUNDATIONS,
  statements: ({ text, whole, small }, dialect) => [
    `create table runs (
      id ${text} primary key not null,
      workflow_id ${text} not null,
      workflow_version ${small} not null,
      lead_id ${text},
      trigger ${text} not null,
      status ${text} not null,
      cursor ${small} not null,
      attempt ${small} not null,
      context ${text} not null,
      available_at ${whole} not null,
      lease_owner ${text},
      lease_until ${whole},
      fencing_token ${small} not null,
      error ${text},
      created_at ${whole} not null,
      started_at ${whole},
      completed_at ${whole}
    )`,
    // Used by queries that write these words out: a parameter would hide them from the planner.
    `create index runs_claimable on runs (available_at, id, status) where status in ('queued', 'waiting')`,
    `create index runs_claimable_of on runs (workflow_id, available_at, id, status) where status in ('queued', 'waiting')`,
    `create index runs_leased on runs (lease_until, id) where status = 'running'`,
    'create index runs_status on runs (status, id)',
    'create index runs_workflow on runs (workflow_id, id)',
    'create index runs_lead on runs (lead_id) where lead_id is not null',

    `create table run_attempts (
      run_id ${text} not null references runs (id) on delete cascade,
      step_index ${small} not null,
      attempt ${small} not null,
      step_id ${text} not null,
      step_type ${text} not null,
      outcome ${text} not null,
      output ${text},
      error ${text},
      started_at ${whole} not null,
      finished_at ${whole} not null,
      primary key (run_id, step_index, attempt)
    )`,
    ...(dialect === 'sqlite' ? RUN_STATISTICS : []),
  ],
};
