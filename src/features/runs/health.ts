/** Whether runs are carried out. */
import type { HealthCheck } from '@/features/health/components.ts';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { now } from '@/platform/time/clock.ts';

export interface RunnerHealth {
  readonly state: 'running' | 'degraded';
  readonly reason: string | null;
}

interface Options {
  readonly config: LiveConfig;
  readonly runs: {
    health(): Promise<RunnerHealth>;
    queueDepth(): Promise<number>;
  };
  /** What only this process knows of its executor; null where it has none. */
  readonly executor: { health(): RunnerHealth } | null;
  /** When a run executor of this server last looked for work, in seconds since the epoch; null if none ever did. */
  readonly beat: () => Promise<number | null>;
}

/** An executor that has not looked for work for so long, beyond its longest sleep, hangs. */
const HANGING_MS = 30_000;

const degraded = (reason: string | null) => ({
  word: 'degraded' as const,
  ...(reason === null ? {} : { reason }),
});

export const runnerCheck = ({ config, runs, executor, beat }: Options): HealthCheck => ({
  name: 'workflow_runner',
  async check() {
    const { monitoring, server, runs: engine } = config.current;
    const own = executor?.health();
    const [all, depth, lastBeat] = await Promise.all([runs.health(), runs.queueDepth(), beat()]);
    if (depth >= monitoring.queue_depth_warn) {
      return degraded(`${depth} runs wait; the limit is ${monitoring.queue_depth_warn}`);
    }
    // What this process knows of its own executor comes before what the queue shows of all.
    const health = own?.state === 'degraded' ? own : all;
    if (health.state === 'degraded') return degraded(health.reason);
    const silentMs = lastBeat === null ? 0 : now() - lastBeat * 1000;
    if (server.role !== 'api' && silentMs > engine.poll_interval_ms + HANGING_MS) {
      return degraded(`no executor has looked for work for ${Math.round(silentMs / 1000)} s`);
    }
    return { word: 'running' };
  },
});
