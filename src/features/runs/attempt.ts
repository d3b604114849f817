/** One attempt of one step: loads what it reads, bounds its time, and turns whatever happens into an outcome. */

import type { LeadService } from '@/features/leads/service.ts';
import type { CompiledStep, CompiledWorkflow } from '@/features/workflows/definition.ts';
import { StepFailure, type StepResult } from '@/features/workflows/step.ts';
import type { Transaction } from '@/platform/db/database.ts';
import { messageOf, Problem } from '@/platform/errors/problem.ts';
import { systemActor } from '@/platform/identity/principal.ts';
import { OutboundFailure } from '@/platform/outbound/failure.ts';
import { RenderError } from '@/platform/template/failure.ts';
import { iso } from '@/platform/time/clock.ts';
import { withDeadline } from '@/platform/time/deadline.ts';
import type { ClaimedRun } from './claimed_run.ts';
import { lostAttempt, type Outcome } from './state.ts';

const MOST_ERROR_CHARACTERS = 2000;

export interface Attempted {
  readonly outcome: Outcome;
  readonly apply?: ((trx: Transaction) => Promise<void>) | undefined;
}

/** As much of leads as carrying out a step needs. */
export type Leads = Pick<LeadService, 'get'>;

/** Never throws. */
export async function attempt(
  held: ClaimedRun,
  workflow: CompiledWorkflow,
  step: CompiledStep,
  options: { readonly leads: Leads; readonly timeoutMs: number },
): Promise<Attempted> {
  const { leads, timeoutMs } = options;
  const { row, context } = held;
  try {
    const wantsLead = row.lead_id !== null && step.action.reads.has('lead');
    const lead = wantsLead && row.lead_id !== null ? await leads.get(row.lead_id) : null;
    // Else the outside would be told of somebody without a name.
    if (wantsLead && lead === null) {
      throw new StepFailure('the lead does not exist any more', { transient: false });
    }
    const started = step.action.run({
      // A run acts in its own name: whoever triggered it stands in the audit event of the trigger.
      actor: systemActor('run', row.id),
      scope: {
        lead: context.lead_data && (lead || row.lead_id === null) ? { ...lead, ...context.lead_data } : lead,
        context: context.context,
        steps: context.steps,
        run: { id: row.id, created_at: iso(row.created_at) },
        workflow: { id: workflow.id, name: workflow.name, version: workflow.version },
      },
      lead,
      idempotencyKey: `${row.id}:${step.id}`,
      timeoutMs,
      signal: held.signal,
    });
    return succeeded(started instanceof Promise ? await bounded(started, timeoutMs, held.signal) : started);
  } catch (error) {
    return { outcome: held.signal.aborted ? lostAttempt('the server stopped') : failureOf(error) };
  }
}

const succeeded = ({ output, apply, resumeAt }: StepResult): Attempted => ({
  outcome: { kind: 'succeeded', output, resumeAt: resumeAt ?? null },
  apply,
});

/** What a thrown thing says about trying again. What nobody has foreseen may pass. */
export function failureOf(error: unknown): Outcome & { kind: 'failed' } {
  return {
    kind: 'failed',
    error: messageOf(error).slice(0, MOST_ERROR_CHARACTERS).toWellFormed().replaceAll('\0', '\uFFFD'),
    transient: isTransient(error),
    retryAfterMs: error instanceof StepFailure ? (error.options.retryAfterMs ?? null) : null,
  };
}

function isTransient(error: unknown): boolean {
  if (error instanceof StepFailure) return error.options.transient;
  if (error instanceof OutboundFailure) return error.transient;
  if (error instanceof Problem) return error.status >= 500;
  return !(error instanceof RenderError);
}

/** A step that ignores its signal must not hold the run for ever. */
const bounded = <T>(work: Promise<T>, timeoutMs: number, lost: AbortSignal): Promise<T> =>
  withDeadline(work, {
    // The step's own limit comes first and gives the better message.
    ms: timeoutMs + 250,
    late: () => new StepFailure(`no result within ${timeoutMs} ms`, { transient: true }),
    signal: lost,
  });
