/** Puts runs into the queue, inside the transaction of whatever causes them: they exist exactly if it does. */
import type { LeadChange, LeadListener } from '@/features/leads/listener.ts';
import type { WorkflowRef, WorkflowService } from '@/features/workflows/service.ts';
import type { Transaction } from '@/platform/db/database.ts';
import { newId, now } from '@/platform/time/clock.ts';
import type { RunContext } from './context.ts';
import type { RunSignals } from './signals.ts';
import { insertRun } from './store.ts';

export interface NewRun {
  readonly trigger: string;
  readonly leadId: string | null;
  readonly leadData?: Readonly<Record<string, unknown>> | undefined;
  readonly customContext?: Readonly<Record<string, unknown>> | undefined;
}

/** A commit may take this long after its run was inserted; a wake-up that comes later is left to polling. */
const COMMIT_MS = 5000;

export class RunQueue implements LeadListener {
  private lastInsertAt = 0;

  constructor(
    private readonly options: { readonly workflows: WorkflowService; readonly signals: RunSignals },
  ) {}

  /** Every enabled workflow that is triggered by new leads gets a run for this one. */
  async changed(trx: Transaction, { kind, leadId }: LeadChange): Promise<void> {
    if (kind === 'created') await this.enqueueForTrigger(trx, 'lead.created', leadId);
  }

  committed(): void {
    if (now() - this.lastInsertAt < COMMIT_MS) this.options.signals.wake();
  }

  async enqueueForTrigger(trx: Transaction, trigger: string, leadId: string): Promise<void> {
    for (const workflow of await this.options.workflows.forTrigger(trx, trigger)) {
      await this.enqueue(trx, workflow, { trigger, leadId });
    }
  }

  /** The id of the new run. Call `committed` after the commit. */
  async enqueue(trx: Transaction, workflow: WorkflowRef, run: NewRun): Promise<string> {
    const time = now();
    const id = newId();
    const context: RunContext = {
      ...(run.leadData ? { lead_data: run.leadData } : {}),
      context: run.customContext ?? {},
      steps: {},
    };
    await insertRun(trx, {
      id,
      workflow_id: workflow.id,
      workflow_version: workflow.version,
      lead_id: run.leadId,
      trigger: run.trigger,
      status: 'queued',
      cursor: 0,
      attempt: 0,
      context: JSON.stringify(context),
      available_at: time,
      lease_owner: null,
      lease_until: null,
      fencing_token: 0,
      error: null,
      created_at: time,
      started_at: null,
      completed_at: null,
      retried_step: null,
      retried_attempt: null,
    });
    this.lastInsertAt = time;
    return id;
  }
}
