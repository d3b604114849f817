/**
 * The life of a run as data: what an attempt's outcome makes of its state. Pure, so that every rule (retry,
 * give up, rest, go on, hand back) is a row in a table of tests.
 *
 * queued → running → completed | failed; running → waiting → running (delay, retry); any of the three → cancelled.
 */

import type { RunAttemptsTable, RunStatus } from '@/features/runs/tables.ts';
import type { CompiledStep } from '@/features/workflows/definition.ts';
import { backoffMs } from '@/platform/time/backoff.ts';

/** Where a run stands. `attempt` counts the attempts made of the step at `cursor`. */
export interface RunState {
  readonly cursor: number;
  readonly attempt: number;
  /** Of these, the ones made before the run was retried by hand: they count no more. */
  readonly forgiven: number;
}

export type Outcome =
  | { readonly kind: 'succeeded'; readonly output: unknown; readonly resumeAt: number | null }
  | {
      readonly kind: 'failed';
      readonly error: string;
      readonly transient: boolean;
      readonly retryAfterMs: number | null;
      /** The worker went away in the attempt: others may go on at once. */
      readonly lost?: boolean;
    };

/** An attempt in which the worker went away: nobody knows what it has done outside, so it counts as made. */
export const lostAttempt = (error: string): Outcome & { readonly kind: 'failed' } => ({
  kind: 'failed',
  error,
  transient: true,
  retryAfterMs: null,
  lost: true,
});

export interface RetryLimits {
  readonly maxAttempts: number;
  readonly baseMs: number;
  readonly maxMs: number;
}

/** What a checkpoint writes about the run itself. */
export interface NextState extends RunState {
  readonly status: RunStatus;
  readonly availableAt: number;
  readonly error: string | null;
}

const LONGEST_RETRY_AFTER_MS = 86_400_000;

/** Back-off with full jitter. A `Retry-After` is a floor to which that is added. */
export function retryDelayMs(attempt: number, limits: RetryLimits, retryAfterMs: number | null): number {
  const delayMs = backoffMs(attempt, limits);
  return retryAfterMs === null ? delayMs : Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) + delayMs;
}

/** The state after an attempt. `handBack`: this worker is stopping, another one shall go on. */
export function afterAttempt(
  state: RunState,
  outcome: Outcome,
  options: {
    readonly isLast: boolean;
    readonly retry: RetryLimits;
    readonly now: number;
    readonly handBack: boolean;
  },
): NextState {
  const { now, handBack, isLast } = options;
  const goOn: RunStatus = handBack ? 'queued' : 'running';
  if (outcome.kind === 'succeeded') {
    const next = { cursor: state.cursor + 1, attempt: 0, forgiven: 0, error: null };
    if (outcome.resumeAt !== null && outcome.resumeAt > now) {
      return { ...next, status: 'waiting', availableAt: outcome.resumeAt };
    }
    return { ...next, status: isLast ? 'completed' : goOn, availableAt: now };
  }
  const attempt = state.attempt + 1;
  const counted = attempt - state.forgiven;
  const next = { ...state, attempt, error: outcome.error };
  if (!outcome.transient || counted >= options.retry.maxAttempts) {
    return { ...next, status: 'failed', availableAt: now };
  }
  if (outcome.lost) return { ...next, status: goOn, availableAt: now };
  const delayMs = retryDelayMs(counted, options.retry, outcome.retryAfterMs);
  return { ...next, status: 'waiting', availableAt: now + delayMs };
}

/** The record of an attempt, as the API shows it. */
export function attemptRow(
  runId: string,
  state: RunState,
  step: Pick<CompiledStep, 'id' | 'type'>,
  outcome: Outcome,
  times: { readonly startedAt: number; readonly finishedAt: number },
): RunAttemptsTable {
  const failed = outcome.kind === 'failed';
  return {
    run_id: runId,
    step_index: state.cursor,
    attempt: state.attempt + 1,
    step_id: step.id,
    step_type: step.type,
    outcome: outcome.kind,
    output: failed ? null : JSON.stringify(outcome.output ?? null),
    error: failed ? outcome.error : null,
    started_at: times.startedAt,
    finished_at: times.finishedAt,
  };
}
