/** Runs for people and other programs: start by hand, read, cancel, and how the queue is doing. */

import type { AuditLog } from '@/features/audit/service.ts';
import { leadNotFound } from '@/features/leads/reader.ts';
import type { LeadService } from '@/features/leads/service.ts';
import { type WorkflowService, workflowNotFound } from '@/features/workflows/service.ts';
import type { Database } from '@/platform/db/database.ts';
import { Conflict, NotFound } from '@/platform/errors/problem.ts';
import type { Idempotency, KeyedRequest } from '@/platform/idempotency/idempotency.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { given } from '@/platform/schema/parts.ts';
import { cachedFor } from '@/platform/time/cached.ts';
import { iso, now } from '@/platform/time/clock.ts';
import type { RunnerHealth } from './health.ts';
import type { RunMetrics } from './metrics.ts';
import type { RunQueue } from './queue.ts';
import type {
  Retried,
  Run,
  RunDetail,
  RunPage,
  RunQuery,
  Triggered,
  TriggerInput,
  WorkflowStatus,
} from './schema.ts';
import type { RunSignals } from './signals.ts';
import {
  attemptsOf,
  cancelRun,
  countRunsOf,
  findRun,
  type ListedRun,
  pageOfRuns,
  queueNumbers,
  retryRun,
} from './store.ts';

interface Options {
  readonly db: Database;
  readonly audit: AuditLog;
  readonly idempotency: Idempotency;
  readonly workflows: WorkflowService;
  readonly leads: Pick<LeadService, 'exists'>;
  readonly queue: RunQueue;
  readonly signals: RunSignals;
  readonly metrics: RunMetrics;
}

const QUEUE_CACHED_MS = 1000;
/** Due runs that nobody takes for so long, while none is in progress: then nobody is there to take them. */
const ABANDONED_MS = 30_000;

const runNotFound = (id: string): NotFound => new NotFound(`There is no run ${id}.`);

const toRun = (row: ListedRun): Run => ({
  id: row.id,
  workflow_id: row.workflow_id,
  workflow_version: row.workflow_version,
  lead_id: row.lead_id,
  trigger: row.trigger,
  status: row.status,
  step_index: row.cursor,
  attempt: row.attempt,
  error: row.error,
  available_at: iso(row.available_at),
  created_at: iso(row.created_at),
  started_at: iso(row.started_at),
  completed_at: iso(row.completed_at),
});

export class RunService {
  /** Numbers of the queue, at most a second old. */
  readonly queue = cachedFor(QUEUE_CACHED_MS, () => queueNumbers(this.options.db.read, now()));

  constructor(private readonly options: Options) {}

  /** Starts a run of any enabled workflow; durable before it resolves. With `once`, a repeated call starts nothing. */
  async trigger(actor: Actor, input: TriggerInput, once: KeyedRequest | null): Promise<Triggered> {
    const { workflows, leads, queue, audit, idempotency } = this.options;
    const { answer, replayed } = await idempotency.write(once, async (trx) => {
      if (input.lead_id !== undefined && !(await leads.exists(trx, input.lead_id))) {
        throw leadNotFound(input.lead_id);
      }
      const workflow = await workflows.find(trx, input.workflow_id);
      if (!workflow) throw workflowNotFound(input.workflow_id);
      if (!workflow.enabled) throw new Conflict('The workflow is disabled: enable it first.');
      const id = await queue.enqueue(trx, workflow, {
        trigger: 'manual',
        leadId: input.lead_id ?? null,
        leadData: input.lead_data,
        customContext: input.custom_context,
      });
      await audit.record(trx, {
        actor,
        action: 'workflow.triggered',
        target: { type: 'workflow', id: workflow.id },
        details: { run: id, version: workflow.version, ...(input.lead_id ? { lead: input.lead_id } : {}) },
      });
      const body: Triggered = {
        workflow_id: workflow.id,
        execution_id: id,
        status: 'triggered',
        message: 'Workflow triggered',
        timestamp: iso(now()),
      };
      return { body };
    });
    if (!replayed) queue.committed();
    return answer.body;
  }

  async workflowStatus(workflowId: string): Promise<WorkflowStatus> {
    const { read } = this.options.db;
    const workflow = await this.options.workflows.find(read, workflowId);
    if (!workflow) throw workflowNotFound(workflowId);
    const [count, [last]] = await Promise.all([
      countRunsOf(read, workflowId),
      pageOfRuns(read, { workflowId }, 1),
    ]);
    return {
      workflow_id: workflowId,
      status: workflow.enabled ? 'active' : 'disabled',
      execution_count: count,
      last_execution: last
        ? { execution_id: last.id, status: last.status, completed_at: iso(last.completed_at) }
        : null,
    };
  }

  async list(query: RunQuery): Promise<RunPage> {
    const { workflow_id, lead_id, status, cursor, limit } = query;
    const filter = { workflowId: given(workflow_id), leadId: given(lead_id), status, before: given(cursor) };
    const rows = await pageOfRuns(this.options.db.read, filter, limit + 1);
    const runs = rows.slice(0, limit);
    return { runs: runs.map(toRun), next_cursor: rows.length > limit ? (runs.at(-1)?.id ?? null) : null };
  }

  async get(id: string): Promise<RunDetail> {
    const { read } = this.options.db;
    const row = await findRun(read, id);
    if (!row) throw runNotFound(id);
    const attempts = await attemptsOf(read, id);
    return {
      ...toRun(row),
      custom_context: JSON.parse(row.context).context,
      attempts: attempts.map(({ run_id: _, output, started_at, finished_at, ...attempt }) => ({
        ...attempt,
        output: output === null ? null : JSON.parse(output),
        started_at: iso(started_at),
        finished_at: iso(finished_at),
      })),
    };
  }

  /** Ends an unfinished run; a step under way is stopped, and whatever it still does is not recorded. */
  async cancel(actor: Actor, id: string): Promise<Run> {
    const { db, audit, signals, metrics, workflows } = this.options;
    const row = await db.write(async (trx) => {
      const cancelled = await cancelRun(trx, id, now());
      if (!cancelled) {
        const there = await findRun(trx, id);
        throw there ? new Conflict(`The run has ended already: ${there.status}.`) : runNotFound(id);
      }
      await audit.record(trx, { actor, action: 'run.cancelled', target: { type: 'run', id } });
      return cancelled;
    });
    signals.cancelled(id);
    const ref = { id: row.workflow_id, version: row.workflow_version };
    const name = await workflows.compile(ref).then(
      (workflow) => workflow.name,
      () => 'unknown',
    );
    metrics.runEnded(name, 'cancelled');
    return toRun(row);
  }

  /** A failed run goes on at the step that failed, with new attempts under the same idempotency key. */
  async retry(actor: Actor, id: string): Promise<Retried> {
    const { db, audit, signals } = this.options;
    await db.write(async (trx) => {
      if (!(await retryRun(trx, id, now()))) {
        const there = await findRun(trx, id);
        throw there
          ? new Conflict(`Only a failed run can be retried: this one is ${there.status}.`)
          : runNotFound(id);
      }
      await audit.record(trx, { actor, action: 'run.retried', target: { type: 'run', id } });
    });
    signals.wake();
    return { execution_id: id, status: 'queued' };
  }

  /** Runs that wait for an executor: queued ones and those whose delay or retry is due. */
  async queueDepth(): Promise<number> {
    return (await this.queue()).due;
  }

  /** Whether anybody carries out runs, as the queue itself shows it: true for all processes on the database. */
  async health(): Promise<RunnerHealth> {
    const { oldestDueAt, running } = await this.queue();
    const waitedMs = oldestDueAt === null ? 0 : now() - oldestDueAt;
    if (running > 0 || waitedMs < ABANDONED_MS) return { state: 'running', reason: null };
    return {
      state: 'degraded',
      reason: `runs have been due for ${Math.round(waitedMs / 1000)} s and no worker is executing any`,
    };
  }
}
