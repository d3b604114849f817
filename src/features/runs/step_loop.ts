/**
 * Carries a claimed run from where it stands until it ends, rests or is handed back: attempt, checkpoint, next step.
 * No step begins before the checkpoint of the one before is durable, and none after the run was lost.
 */
import {
  BrokenDefinition,
  type CompiledStep,
  type CompiledWorkflow,
} from '@/features/workflows/definition.ts';
import type { WorkflowService } from '@/features/workflows/service.ts';
import { StepFailure } from '@/features/workflows/step.ts';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { now } from '@/platform/time/clock.ts';
import { type Attempted, attempt, failureOf, type Leads } from './attempt.ts';
import type { Checkpoint, CheckpointWriter, Saved } from './checkpoints.ts';
import type { ClaimedRun } from './claimed_run.ts';
import type { RunContext } from './context.ts';
import type { RunMetrics } from './metrics.ts';
import { afterAttempt, attemptRow, lostAttempt, type RetryLimits } from './state.ts';

export interface StepLoopOptions {
  readonly workflows: WorkflowService;
  readonly leads: Leads;
  readonly checkpoints: CheckpointWriter;
  readonly metrics: RunMetrics;
  readonly config: LiveConfig;
  readonly log: Logger;
  /** True when this executor stops: runs are handed back at their next checkpoint. */
  readonly stopping: () => boolean;
  /** Called when a run's last checkpoint here begins. */
  readonly leaving: (held: ClaimedRun) => void;
}

const LATER_MS = 1000;
/** They are written with every checkpoint, and read with every claim. */
const LARGEST_OUTPUTS = 1_048_576;

export class StepLoop {
  constructor(private readonly options: StepLoopOptions) {}

  /** Resolves when the run is no longer in our hands; never rejects. */
  async carryOut(held: ClaimedRun): Promise<void> {
    const { log, workflows } = this.options;
    try {
      const ref = { id: held.row.workflow_id, version: held.row.workflow_version };
      const workflow = await workflows.compile(ref);
      if (held.reclaimed && !(await this.countLostAttempt(held, workflow))) return;
      while (await this.advance(held, workflow));
    } catch (error) {
      log.error('a run could not be carried out', { run: held.id, error: messageOf(error) });
      await this.giveUp(held, error);
    }
  }

  /** Trouble outside of any step: a broken definition ends the run, anything else may be over soon. */
  private async giveUp(held: ClaimedRun, error: unknown): Promise<void> {
    const status = error instanceof BrokenDefinition ? 'failed' : 'waiting';
    const next = { ...held.state, status, availableAt: now() + LATER_MS, error: messageOf(error) } as const;
    await this.save(held, { name: 'unknown' }, { next, attempt: null });
  }

  /** One step and its checkpoint; false when the run has left. */
  private async advance(held: ClaimedRun, workflow: CompiledWorkflow): Promise<boolean> {
    const { config, leads, stopping } = this.options;
    const step = workflow.steps[held.state.cursor];
    if (held.lost) return false;
    if (!step || stopping()) {
      const status = step ? 'queued' : 'completed';
      const next = { ...held.state, status, availableAt: now(), error: null } as const;
      await this.save(held, workflow, { next, attempt: null });
      return false;
    }
    const startedAt = now();
    const clock = performance.now();
    const timeoutMs = step.timeoutMs ?? config.current.outbound.timeout_ms;
    const attempted = await attempt(held, workflow, step, { leads, timeoutMs });
    const seconds = (performance.now() - clock) / 1000;
    this.options.metrics.stepEnded(step.type, attempted.outcome.kind, seconds);
    if (held.lost) return false;
    try {
      return await this.checkpoint(held, workflow, step, attempted, startedAt);
    } catch (error) {
      // The change that belongs to the step could not be made: then the step has failed.
      return this.checkpoint(held, workflow, step, { outcome: failureOf(error) }, startedAt);
    }
  }

  /** The attempt in which the former executor died is one of the attempts; false when it was the last. */
  private countLostAttempt(held: ClaimedRun, workflow: CompiledWorkflow): Promise<boolean> | boolean {
    const step = workflow.steps[held.state.cursor];
    if (!step) return true;
    const outcome = lostAttempt('the worker that carried it out gave no sign of life');
    return this.checkpoint(held, workflow, step, { outcome }, now());
  }

  private async checkpoint(
    held: ClaimedRun,
    workflow: CompiledWorkflow,
    step: CompiledStep,
    { outcome, apply }: Attempted,
    startedAt: number,
  ): Promise<boolean> {
    const time = now();
    const row = attemptRow(held.id, held.state, step, outcome, { startedAt, finishedAt: time });
    const size = row.output?.length ?? 0;
    if (size > 0 && held.outputsSize + size > LARGEST_OUTPUTS) {
      const message = `the outputs of the steps are larger than ${LARGEST_OUTPUTS} characters in all`;
      const failed = failureOf(new StepFailure(message, { transient: false }));
      return this.checkpoint(held, workflow, step, { outcome: failed }, startedAt);
    }
    const next = afterAttempt(held.state, outcome, {
      isLast: held.state.cursor === workflow.steps.length - 1,
      retry: this.limitsOf(step),
      now: time,
      handBack: this.options.stopping(),
    });
    const context =
      outcome.kind === 'succeeded' ? withOutput(held.context, step.id, outcome.output) : held.context;
    const saved = await this.save(held, workflow, { next, context, attempt: row, apply });
    held.outputsSize += size;
    return saved === 'saved' && next.status === 'running';
  }

  private async save(
    held: ClaimedRun,
    workflow: { readonly name: string },
    step: Pick<Checkpoint, 'next' | 'attempt' | 'apply'> & { readonly context?: RunContext },
  ): Promise<Saved> {
    const { checkpoints, metrics, leaving, log } = this.options;
    const { next, attempt: row, apply, context = held.context } = step;
    if (next.status !== 'running') leaving(held);
    const ended = next.status === 'completed' || next.status === 'failed' ? next.status : null;
    const saved = await checkpoints.save({
      runId: held.id,
      token: held.token,
      next,
      context: JSON.stringify(context),
      completedAt: ended ? now() : null,
      attempt: row,
      apply,
    });
    if (saved === 'lost') {
      held.abandon('the checkpoint was refused');
      log.info('a run was taken over or cancelled meanwhile', { run: held.id });
      return saved;
    }
    held.state = { cursor: next.cursor, attempt: next.attempt, forgiven: next.forgiven };
    held.context = context;
    if (ended) metrics.runEnded(workflow.name, ended);
    return saved;
  }

  private limitsOf({ retry }: CompiledStep): RetryLimits {
    const { runs } = this.options.config.current;
    return {
      maxAttempts: retry.max_attempts ?? runs.max_attempts,
      baseMs: retry.base_ms ?? runs.retry_base_ms,
      maxMs: retry.max_ms ?? Math.max(runs.retry_max_ms, retry.base_ms ?? 0),
    };
  }
}

const withOutput = (context: RunContext, stepId: string, output: unknown): RunContext => ({
  ...context,
  steps: { ...context.steps, [stepId]: { output: output ?? null } },
});
