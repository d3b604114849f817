/** What the run engine counts. Workflow names are bounded, so that users cannot grow the metrics without end. */
import type { Counter, Gauge, Histogram, Metrics } from '@/platform/metrics/instruments.ts';
import { now } from '@/platform/time/clock.ts';
import type { QueueNumbers } from './store.ts';

const OUTCOMES = ['completed', 'failed', 'cancelled'] as const;
export type RunOutcome = (typeof OUTCOMES)[number];
type StepOutcome = 'succeeded' | 'failed';

/** Beyond these, workflows share a series. */
export const MOST_WORKFLOW_NAMES = 100;
const OTHER = 'other';
/** When an executor last looked for work. */
export const HEARTBEAT = 'ao_worker_heartbeat_timestamp_seconds';
const BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class RunMetrics {
  private readonly runs: Counter;
  private readonly durations: Histogram;
  private readonly heartbeat: Gauge;
  private readonly names = new Set<string>();

  constructor(readonly instruments: Metrics) {
    const metrics = instruments;
    this.runs = metrics.counter('ao_runs_total', {
      help: 'Finished runs by workflow and outcome.',
      labels: ['workflow', 'outcome'],
    });
    this.durations = this.declareDurations([]);
    this.heartbeat = metrics.gauge(HEARTBEAT, {
      help: 'When a run executor of this server last looked for work.',
      merge: 'max',
    });
  }

  /** Steps of these types may come: from now on their series are there. */
  steps(types: readonly string[]): void {
    this.declareDurations(types);
  }

  /** Runs of this workflow may come: from now on its series are there. */
  workflow(name: string): void {
    for (const outcome of OUTCOMES) this.runs.inc({ workflow: this.bounded(name), outcome }, 0);
  }

  runEnded(workflow: string, outcome: RunOutcome): void {
    this.runs.inc({ workflow: this.bounded(workflow), outcome });
  }

  stepEnded(type: string, outcome: StepOutcome, seconds: number): void {
    this.durations.observe(seconds, { type, outcome });
  }

  alive(): void {
    this.heartbeat.set(now() / 1000);
  }

  private declareDurations(types: readonly string[]): Histogram {
    return this.instruments.histogram('ao_step_duration_seconds', {
      help: 'Duration of step attempts by step type and outcome.',
      labels: ['type', 'outcome'],
      bounds: BOUNDS,
      initial: types.flatMap((type) => [
        { type, outcome: 'succeeded' },
        { type, outcome: 'failed' },
      ]),
    });
  }

  private bounded(name: string): string {
    if (this.names.has(name)) return name;
    if (this.names.size >= MOST_WORKFLOW_NAMES) return OTHER;
    this.names.add(name);
    return name;
  }
}

/** The gauges of the queue, computed from the database when somebody scrapes. */
export function registerQueueMetrics(metrics: Metrics, runs: { queue(): Promise<QueueNumbers> }): void {
  metrics.computed('ao_queue_depth', { help: 'Unfinished runs by state.' }, async () => {
    const { queued, waiting, running } = await runs.queue();
    return Object.entries({ queued, waiting, running }).map(([state, value]) => ({
      labels: { state },
      value,
    }));
  });
  metrics.computed(
    'ao_queue_oldest_timestamp_seconds',
    { help: 'Since when the longest waiting due run is due; the time of the scrape when none is.' },
    async () => {
      const { oldestDueAt } = await runs.queue();
      return [{ labels: {}, value: (oldestDueAt ?? now()) / 1000 }];
    },
  );
}
