/**
 * What executors ask of the table of runs: claims, checkpoints, heartbeats. Every write names the fencing token
 * it was given with the claim and changes nothing when the run has been claimed again since.
 */
import { sql } from 'kysely';
import type { Reader, Transaction } from '@/platform/db/database.ts';
import { prepareRead, prepareWrite } from '@/platform/db/prepared.ts';
import { type AttemptRow, CLAIMABLE, type RunRow, type RunStatus } from './tables.ts';

const RUNNING = sql.lit('running' as RunStatus);

export interface Claim {
  readonly owner: string;
  readonly now: number;
  readonly leaseUntil: number;
  readonly limit: number;
}

/** No lease of now reaches so far beyond its length, also not that of a server whose clock or configuration differs. */
const MOST_AHEAD_MS = 300_000;

/** Leases that end later were written before the clock was set back. */
export const latestLease = (leaseUntil: number): number => leaseUntil + MOST_AHEAD_MS;

interface ClaimParams extends Claim {
  readonly startedAt: number;
  readonly workflowId: string;
  readonly latest: number;
}

type Which = 'ready' | 'readyOf' | 'expired';

/** `which` picks the rows; all of them become this owner's, under a new token. */
const claimQuery = (which: Which) =>
  prepareWrite<ClaimParams, RunRow>((db, param) => {
    let picked = db.selectFrom('runs').select('id');
    if (which === 'expired') {
      picked = picked
        .where('status', '=', RUNNING)
        // Says nothing new, but shows SQLite the index of leases, which an `or` hides.
        .where('lease_until', 'is not', null)
        .where((eb) =>
          eb.or([eb('lease_until', '<', param('now')), eb('lease_until', '>', param('latest'))]),
        );
    } else {
      picked = picked.where('status', 'in', CLAIMABLE).where('available_at', '<=', param('now'));
    }
    if (which === 'readyOf') picked = picked.where('workflow_id', '=', param('workflowId'));
    picked = picked.orderBy(which === 'expired' ? 'lease_until' : 'available_at');
    picked = picked.orderBy('id').limit(param('limit')).forUpdate().skipLocked();
    return db
      .with('picked', () => picked)
      .updateTable('runs')
      .set({
        status: RUNNING,
        lease_owner: param('owner'),
        lease_until: param('leaseUntil'),
        fencing_token: sql<number>`fencing_token + 1`,
        started_at: sql<number>`coalesce(started_at, ${param('startedAt')})`,
      })
      .where('id', 'in', (from) => from.selectFrom('picked').select('id'))
      .returningAll();
  });

const claims = {
  ready: claimQuery('ready'),
  readyOf: claimQuery('readyOf'),
  expired: claimQuery('expired'),
};

/**
 * Runs that are due (`ready`; with `workflowId` only its own), or whose owner has given no sign of life (`expired`);
 * the longest waiting first.
 */
export async function claimRuns(
  trx: Transaction,
  which: 'ready' | 'expired',
  claim: Claim,
  workflowId: string | null = null,
): Promise<RunRow[]> {
  const query = claims[which === 'ready' && workflowId !== null ? 'readyOf' : which];
  const rows = await query(trx, {
    ...claim,
    startedAt: claim.now,
    workflowId: workflowId ?? '',
    latest: latestLease(claim.leaseUntil),
  });
  return rows.sort((a, b) => a.available_at - b.available_at || (a.id < b.id ? -1 : 1));
}

const CLAIMABLE_SQL = sql`status in (${sql.join(CLAIMABLE)})`;

/** Leaps over the index from one workflow to the next instead of walking over all their runs. */
const workflowsWithDueRuns = prepareRead<{ now: number }, { workflow_id: string }>((db, param) => ({
  compile: () =>
    sql<{ workflow_id: string }>`
      with recursive w (id) as (
        select (select workflow_id from runs where ${CLAIMABLE_SQL} order by workflow_id limit 1)
        union all
        select (select min(workflow_id) from runs where ${CLAIMABLE_SQL} and workflow_id > w.id)
        from w where w.id is not null
      )
      select w.id as workflow_id from w
      where exists (
        select 1 from runs where ${CLAIMABLE_SQL} and workflow_id = w.id and available_at <= ${param('now')}
      )`.compile(db),
}));

/** The workflows that have runs to be carried out now. */
export async function dueWorkflows(db: Reader, time: number): Promise<string[]> {
  return (await workflowsWithDueRuns(db, { now: time })).map((row) => row.workflow_id);
}

const nextDue = prepareRead<Record<never, never>, { available_at: number }>((db) =>
  db
    .selectFrom('runs')
    .select('available_at')
    .where('status', 'in', CLAIMABLE)
    .orderBy('available_at')
    .limit(sql.lit(1)),
);
const expiry = (order: 'asc' | 'desc') =>
  prepareRead<Record<never, never>, { lease_until: number | null }>((db) =>
    db
      .selectFrom('runs')
      .select('lease_until')
      .where('status', '=', RUNNING)
      .where('lease_until', 'is not', null)
      .orderBy('lease_until', order)
      .limit(sql.lit(1)),
  );
const nextExpiry = expiry('asc');
const lastExpiry = expiry('desc');

/** Null for never. */
export interface Moments {
  /** The next run is due. */
  readonly due: number | null;
  /** The next lease ends. */
  readonly expiry: number | null;
  /** The last one does. */
  readonly lastExpiry: number | null;
}

/** Reads only: costs no write turn. */
export async function nextMoments(db: Reader): Promise<Moments> {
  const [[due], [first], [last]] = await Promise.all([
    nextDue(db, {}),
    nextExpiry(db, {}),
    lastExpiry(db, {}),
  ]);
  return {
    due: due?.available_at ?? null,
    expiry: first?.lease_until ?? null,
    lastExpiry: last?.lease_until ?? null,
  };
}

interface Advance {
  readonly id: string;
  readonly token: number;
  readonly cursor: number;
  readonly attempt: number;
  readonly context: string;
  readonly error: string | null;
}

/** The run goes on here: touches no indexed column. */
export const advanceRun = prepareWrite<Advance, { id: string }>((db, param) =>
  db
    .updateTable('runs')
    .set({
      cursor: param('cursor'),
      attempt: param('attempt'),
      context: param('context'),
      error: param('error'),
    })
    .where('id', '=', param('id'))
    .where('fencing_token', '=', param('token'))
    .where('status', '=', RUNNING)
    .returning('id'),
);

interface Settle extends Advance {
  readonly status: RunStatus;
  readonly availableAt: number;
  readonly completedAt: number | null;
}

/** The run leaves this executor: finished, resting, or handed back. */
export const settleRun = prepareWrite<Settle, { id: string }>((db, param) =>
  db
    .updateTable('runs')
    .set({
      status: param('status'),
      cursor: param('cursor'),
      attempt: param('attempt'),
      context: param('context'),
      error: param('error'),
      available_at: param('availableAt'),
      completed_at: param('completedAt'),
      lease_owner: null,
      lease_until: null,
    })
    .where('id', '=', param('id'))
    .where('fencing_token', '=', param('token'))
    .where('status', '=', RUNNING)
    .returning('id'),
);

export const insertAttempt = prepareWrite<AttemptRow>((db, param) =>
  db.insertInto('run_attempts').values({
    run_id: param('run_id'),
    step_index: param('step_index'),
    attempt: param('attempt'),
    step_id: param('step_id'),
    step_type: param('step_type'),
    outcome: param('outcome'),
    output: param('output'),
    error: param('error'),
    started_at: param('started_at'),
    finished_at: param('finished_at'),
  }),
);

/** Prolongs the leases of these runs as far as they are still `owner`'s; answers which. */
export async function renewLeases(
  trx: Transaction,
  owner: string,
  ids: readonly string[],
  leaseUntil: number,
): Promise<{ id: string; fencing_token: number }[]> {
  return trx
    .updateTable('runs')
    .set({ lease_until: leaseUntil })
    .where('id', 'in', ids)
    .where('lease_owner', '=', owner)
    .where('status', '=', 'running')
    .returning(['id', 'fencing_token'])
    .execute();
}
