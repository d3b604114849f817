/**
 * What repeats in the background. One class for all of it: rounds one after the other, never two at once, with jitter,
 * back-off after failures, a lease where only one process may do it, metrics and health. A failing round is logged,
 * counted and tried again; it harms nobody else.
 */
import { discardedMetrics } from '@/platform/metrics/discarded.ts';
import { backoffMs } from '@/platform/time/backoff.ts';
import { monotonic, random } from '@/platform/time/clock.ts';
import { settlesWithin } from '@/platform/time/deadline.ts';
import { timers as realTimers, type Timers } from '@/platform/time/timers.ts';
import { JobLease } from './lease.ts';
import type { JobOptions } from './options.ts';
import { type JobHealth, JobRecord, type RoundResult } from './record.ts';

export interface BackgroundJob {
  readonly name: string;
  start(): void;
  /** Resolves when the round in progress is over; it gets `graceMs` to end by itself. */
  stop(graceMs: number): Promise<void>;
}

const LOOK_MS = 2_000;
const SHORTEST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 30_000;
const HANGING_MS = 60_000;
const HANGING_ROUNDS = 10;

/** Why the signal of a round fired. */
class Aborted extends Error {}

export class Job implements BackgroundJob {
  readonly name: string;
  private readonly record: JobRecord;
  private readonly lease: JobLease | null;
  private readonly timers: Timers;
  private started = false;
  private callOff: () => void = () => undefined;
  private round: { readonly over: Promise<void>; readonly abort: AbortController } | null = null;
  private poked = false;
  /** On the monotonic clock: rounds that fail are not tried again before. */
  private notBefore = 0;

  constructor(private readonly options: JobOptions) {
    const { name, log, metrics = discardedMetrics, lease, everyMs = 0, timers = realTimers } = options;
    const { hangingAfterMs = Math.max(HANGING_MS, HANGING_ROUNDS * everyMs) } = options;
    this.name = name;
    this.timers = timers;
    this.record = new JobRecord({ name, log, metrics, hangingAfterMs });
    this.lease = lease ? new JobLease({ ...lease, job: name, log, timers }) : null;
  }

  start(): void {
    if (this.started) return;
    this.started = true;
    const { everyMs, next } = this.options;
    if (next) this.waitForNext();
    else this.sleep((this.options.firstAfterMs ?? everyMs) + this.jitter(), () => this.begin());
  }

  /** A round soon: at once while it waits, and else right after the one in progress. */
  poke(): void {
    if (!this.started) return;
    if (this.round) this.poked = true;
    else this.sleep(0, () => this.begin());
  }

  /**
   * Ends the waiting at once and fires the signal of the round in progress. Resolves when that is over and the lease is
   * free for others. A round that goes on beyond `graceMs` is left behind, and its lease ends by itself.
   */
  async stop(graceMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.started = false;
    this.poked = false;
    this.callOff();
    if (this.round) {
      this.round.abort.abort(new Aborted('the job is stopped'));
      const { over } = this.round;
      const inTime = Number.isFinite(graceMs)
        ? await settlesWithin(over, graceMs)
        : await over.then(() => true);
      if (!inTime) {
        this.options.log.warn('background job did not stop in time', { job: this.name, grace_ms: graceMs });
        return;
      }
    }
    await this.lease?.release();
  }

  /** Of this process: another one may be doing the job meanwhile. */
  health(): JobHealth {
    return this.record.health(this.started);
  }

  private begin(): void {
    // Left behind by an earlier stop; the next round follows when it is over.
    if (this.round) return;
    const abort = new AbortController();
    const over = this.carryOut(abort).then(() => {
      this.round = null;
      this.afterRound();
    });
    this.round = { over, abort };
  }

  private afterRound(): void {
    const { everyMs = 0, next, longestBackoffMs: maxMs = LONGEST_BACKOFF_MS } = this.options;
    const { failures } = this.record;
    const baseMs = next ? SHORTEST_BACKOFF_MS : everyMs;
    const waitMs = Math.max(
      everyMs + this.jitter(),
      failures > 0 ? backoffMs(failures, { baseMs, maxMs }) : 0,
    );
    this.notBefore = monotonic() + waitMs;
    if (!this.started) return;
    if (this.poked) {
      this.poked = false;
      this.sleep(0, () => this.begin());
    } else if (next) this.waitForNext();
    else this.sleep(waitMs, () => this.begin());
  }

  private waitForNext(): void {
    const waitMs = Math.max(this.notBefore - monotonic(), this.nextMs());
    if (waitMs <= 0) this.begin();
    else this.sleep(Math.min(LOOK_MS, waitMs), () => this.waitForNext());
  }

  private nextMs(): number {
    try {
      return this.options.next?.() ?? 0;
    } catch (error) {
      this.record.failed(error);
      return LOOK_MS;
    }
  }

  private sleep(ms: number, then: () => void): void {
    this.callOff();
    this.callOff = this.timers.after(ms, then);
  }

  private jitter(): number {
    return this.options.next ? 0 : (this.options.jitterMs ?? 0) * random();
  }

  /** Never rejects. */
  private async carryOut(abort: AbortController): Promise<void> {
    this.record.begun();
    try {
      this.record.ended(await this.attempt(abort));
    } catch (error) {
      if (abort.signal.aborted) this.record.ended('aborted');
      else this.record.failed(error);
    }
  }

  private async attempt(abort: AbortController): Promise<RoundResult> {
    const { hasWork, run } = this.options;
    if (hasWork && !(await hasWork())) return 'idle';
    if (this.lease && !abort.signal.aborted && !(await this.lease.take())) return 'elsewhere';
    if (abort.signal.aborted) return 'aborted';
    const release = this.lease?.keep((reason) => abort.abort(new Aborted(reason)));
    try {
      await run(abort.signal);
    } finally {
      await release?.();
    }
    return 'succeeded';
  }
}
