/** Queries of runs for everybody but executors: enqueue, read, cancel, count, clear away. */
import type { Reader, Transaction } from '@/platform/db/database.ts';
import { prepareWrite } from '@/platform/db/prepared.ts';
import { lowestId } from '@/platform/time/clock.ts';
import { type AttemptRow, CLAIMABLE, FINISHED, type RunRow, type RunStatus, UNFINISHED } from './tables.ts';

/** Compiled once: part of every lead's transaction. */
export const insertRun = prepareWrite<RunRow>((db, param) =>
  db.insertInto('runs').values({
    id: param('id'),
    workflow_id: param('workflow_id'),
    workflow_version: param('workflow_version'),
    lead_id: param('lead_id'),
    trigger: param('trigger'),
    status: param('status'),
    cursor: param('cursor'),
    attempt: param('attempt'),
    context: param('context'),
    available_at: param('available_at'),
    lease_owner: param('lease_owner'),
    lease_until: param('lease_until'),
    fencing_token: param('fencing_token'),
    error: param('error'),
    created_at: param('created_at'),
    started_at: param('started_at'),
    completed_at: param('completed_at'),
    retried_step: param('retried_step'),
    retried_attempt: param('retried_attempt'),
  }),
);

export async function findRun(db: Reader, id: string): Promise<RunRow | null> {
  return (await db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst()) ?? null;
}

/** In the order in which they were made. */
export function attemptsOf(db: Reader, runId: string): Promise<AttemptRow[]> {
  return db
    .selectFrom('run_attempts')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('step_index')
    .orderBy('attempt')
    .execute();
}

export interface RunFilter {
  readonly workflowId?: string | undefined;
  readonly leadId?: string | undefined;
  readonly status?: RunStatus | undefined;
  /** Only runs older than this one. */
  readonly before?: string | undefined;
}

/** What lists show: not the context, in which the outputs of all steps are. */
const LISTED = [
  'id',
  'workflow_id',
  'workflow_version',
  'lead_id',
  'trigger',
  'status',
  'cursor',
  'attempt',
  'error',
  'available_at',
  'created_at',
  'started_at',
  'completed_at',
] as const;
export type ListedRun = Pick<RunRow, (typeof LISTED)[number]>;

/** Newest first. */
export function pageOfRuns(db: Reader, filter: RunFilter, limit: number): Promise<ListedRun[]> {
  let query = db.selectFrom('runs').select(LISTED);
  if (filter.workflowId !== undefined) query = query.where('workflow_id', '=', filter.workflowId);
  if (filter.leadId !== undefined) query = query.where('lead_id', '=', filter.leadId);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  if (filter.before !== undefined) query = query.where('id', '<', filter.before);
  return query.orderBy('id', 'desc').limit(limit).execute();
}

export async function countRunsOf(db: Reader, workflowId: string): Promise<number> {
  const { n } = await db
    .selectFrom('runs')
    .select(db.fn.countAll<number>().as('n'))
    .where('workflow_id', '=', workflowId)
    .executeTakeFirstOrThrow();
  return Number(n);
}

/** Ends an unfinished run under a new token, so that whoever carries it out is refused; null when it had ended. */
export async function cancelRun(trx: Transaction, id: string, time: number): Promise<RunRow | null> {
  const row = await trx
    .updateTable('runs')
    .set((eb) => ({
      status: 'cancelled',
      completed_at: time,
      lease_owner: null,
      lease_until: null,
      fencing_token: eb('fencing_token', '+', 1),
    }))
    .where('id', '=', id)
    .where('status', 'in', UNFINISHED)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/**
 * Puts a failed run back into the queue, to go on at the step that failed; null when it has not failed. Its attempts so
 * far stay on record and count no more.
 */
export async function retryRun(trx: Transaction, id: string, time: number): Promise<RunRow | null> {
  const row = await trx
    .updateTable('runs')
    .set((eb) => ({
      status: 'queued',
      available_at: time,
      completed_at: null,
      retried_step: eb.ref('cursor'),
      retried_attempt: eb.ref('attempt'),
      fencing_token: eb('fencing_token', '+', 1),
    }))
    .where('id', '=', id)
    .where('status', '=', 'failed')
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

export interface QueueNumbers {
  readonly queued: number;
  readonly waiting: number;
  readonly running: number;
  /** Those that wait for nothing but an executor: queued ones, and waiting ones whose time has come. */
  readonly due: number;
  /** Since when the longest waiting due run is due; null when none is. */
  readonly oldestDueAt: number | null;
}

export async function queueNumbers(db: Reader, time: number): Promise<QueueNumbers> {
  const [counts, due, oldest] = await Promise.all([
    db
      .selectFrom('runs')
      .select(['status', db.fn.countAll<number>().as('n')])
      .where('status', 'in', UNFINISHED)
      .groupBy('status')
      .execute(),
    db
      .selectFrom('runs')
      .select(db.fn.countAll<number>().as('n'))
      .where('status', 'in', CLAIMABLE)
      .where('available_at', '<=', time)
      .executeTakeFirstOrThrow(),
    db
      .selectFrom('runs')
      .select((eb) => eb.fn.min('available_at').as('at'))
      .where('status', 'in', CLAIMABLE)
      .executeTakeFirstOrThrow(),
  ]);
  const of = (status: RunStatus): number => Number(counts.find((row) => row.status === status)?.n ?? 0);
  const at = oldest.at === null ? null : Number(oldest.at);
  return {
    queued: of('queued'),
    waiting: of('waiting'),
    running: of('running'),
    due: Number(due.n),
    oldestDueAt: at !== null && at <= time ? at : null,
  };
}

/**
 * Removes some runs that ended before `time`, with their attempts; returns how many. Goes by the primary key, whose
 * first digits are the time of creation, so that it never walks over younger runs.
 */
export async function deleteEndedRuns(trx: Transaction, time: number, most: number): Promise<number> {
  const result = await trx
    .deleteFrom('runs')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('runs')
        .select('id')
        .where('id', '<', lowestId(time))
        .where('status', 'in', FINISHED)
        .where('completed_at', '<', time)
        .orderBy('id')
        .limit(most),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
