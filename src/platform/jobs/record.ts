/** What is known of a background job's rounds: metrics, log lines that do not flood, and health. */
import { LRUCache } from 'lru-cache';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { sumOf } from '@/platform/metrics/figures.ts';
import type { Counter, Gauge, Histogram, Metrics } from '@/platform/metrics/instruments.ts';
import { monotonic, now } from '@/platform/time/clock.ts';

/** `idle`: there was nothing to do. `elsewhere`: another process has the lease. `aborted`: stopped, or lease lost. */
export type RoundResult = 'succeeded' | 'idle' | 'elsewhere' | 'aborted';

export interface JobHealth {
  readonly state: 'running' | 'degraded' | 'stopped';
  /** Why it is degraded; null when it is not. */
  readonly reason: string | null;
  /** When a round last succeeded or found nothing to do, epoch milliseconds; null before the first. */
  readonly lastSuccessAt: number | null;
}

interface Options {
  readonly name: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly hangingAfterMs: number;
}

type Outcome = 'succeeded' | 'failed' | 'skipped' | 'aborted';
const OUTCOMES: readonly Outcome[] = ['succeeded', 'failed', 'skipped', 'aborted'];
const BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800];
/** A single failure may be bad luck. */
const DEGRADED_FROM = 3;
const IN_A_ROW = 'ao_job_consecutive_failures';
const SAME_MESSAGE_MS = 60_000;
const MOST_MESSAGES = 20;

interface Told {
  readonly at: number;
  /** Failures since then that were not logged. */
  untold: number;
}

export class JobRecord {
  private inARow = 0;
  private lastError = '';
  private lastSuccessAt: number | null = null;
  /** On the monotonic clock; null between rounds. */
  private begunAt: number | null = null;
  private readonly told = new LRUCache<string, Told>({ max: MOST_MESSAGES });
  private readonly rounds: Counter;
  private readonly durations: Histogram;
  private readonly success: Gauge;
  private readonly failing: Gauge;

  constructor(private readonly options: Options) {
    const { metrics, name: job } = options;
    this.rounds = metrics.counter('ao_job_runs_total', {
      help: 'Rounds of background jobs by outcome; skipped when there is nothing to do or another process has the lease.',
      labels: ['job', 'outcome'],
      initial: OUTCOMES.map((outcome) => ({ job, outcome })),
    });
    this.durations = metrics.histogram('ao_job_duration_seconds', {
      help: 'Duration of the rounds of background jobs, those that were skipped left out.',
      labels: ['job'],
      bounds: BOUNDS,
      initial: [{ job }],
    });
    this.success = metrics.gauge('ao_job_last_success_timestamp_seconds', {
      help: 'When a background job last succeeded or found nothing to do; 0 before the first time.',
      labels: ['job'],
      merge: 'peak',
      initial: [{ job }],
    });
    this.failing = metrics.gauge(IN_A_ROW, {
      help: 'Rounds of a background job that have failed in a row, in the process where it is worst.',
      labels: ['job'],
      merge: 'max',
      initial: [{ job }],
    });
  }

  /** In a row. */
  get failures(): number {
    return this.inARow;
  }

  private set failures(count: number) {
    this.inARow = count;
    this.failing.set(count, { job: this.options.name });
  }

  begun(): void {
    this.begunAt = monotonic();
  }

  ended(result: RoundResult): void {
    if (result === 'idle' || result === 'elsewhere') this.count('skipped');
    else this.count(result);
    if (result === 'aborted') return;
    if (this.failures >= DEGRADED_FROM) {
      this.options.log.info('background job works again', {
        job: this.options.name,
        failures: this.failures,
      });
    }
    this.failures = 0;
    if (result === 'elsewhere') return;
    this.lastSuccessAt = now();
    this.success.set(this.lastSuccessAt / 1000, { job: this.options.name });
  }

  /** Logged once a minute for each distinct message, with how often it came. */
  failed(error: unknown): void {
    const { name: job, log } = this.options;
    this.count('failed');
    this.failures += 1;
    this.lastError = messageOf(error);
    const told = this.told.get(this.lastError);
    if (told && monotonic() - told.at < SAME_MESSAGE_MS) {
      told.untold += 1;
      return;
    }
    this.told.set(this.lastError, { at: monotonic(), untold: 0 });
    const times = (told?.untold ?? 0) + 1;
    log.error('background job failed, it is tried again', { job, error, times, failures: this.failures });
  }

  health(isStarted: boolean): JobHealth {
    const { lastSuccessAt } = this;
    if (!isStarted) return { state: 'stopped', reason: null, lastSuccessAt };
    const reason = this.hanging() ?? this.failedTooOften();
    return { state: reason === null ? 'running' : 'degraded', reason, lastSuccessAt };
  }

  private hanging(): string | null {
    const { name, hangingAfterMs } = this.options;
    const forMs = this.begunAt === null ? 0 : monotonic() - this.begunAt;
    return forMs > hangingAfterMs ? `${name} has been at one round for ${Math.round(forMs / 1000)} s` : null;
  }

  private failedTooOften(): string | null {
    const { name } = this.options;
    if (this.failures < DEGRADED_FROM) return null;
    return `${name} failed ${this.failures} times in a row: ${this.lastError}`;
  }

  private count(outcome: Outcome): void {
    const job = this.options.name;
    const seconds = this.begunAt === null ? 0 : (monotonic() - this.begunAt) / 1000;
    this.begunAt = null;
    this.rounds.inc({ job, outcome });
    if (outcome !== 'skipped') this.durations.observe(Math.max(0, seconds), { job });
  }
}

/** Which of these jobs keeps failing in any process of this server, in words; null when none does. */
export async function failingJob(
  metrics: Pick<Metrics, 'collect'>,
  names: readonly string[],
): Promise<string | null> {
  const families = await metrics.collect();
  for (const name of names) {
    const failures = sumOf(families, IN_A_ROW, ({ job }) => job === name);
    if (failures >= DEGRADED_FROM) return `${name} failed ${failures} times in a row; the log says why`;
  }
  return null;
}
