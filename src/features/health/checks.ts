/** The parts of the server that health names, each with the question that it is asked. */
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { FleetState, RedisTarget } from '@/platform/ipc/messages.ts';
import { now } from '@/platform/time/clock.ts';
import type { ComponentState, HealthCheck } from './components.ts';

export interface CheckOptions {
  readonly config: LiveConfig;
  readonly db: { ping(): Promise<void> };
  readonly redis: {
    readonly state: 'ready' | 'lost';
    readonly endpoint: string;
    readonly target: RedisTarget;
  };
  readonly fleet: () => FleetState;
  /** What is wrong with the audit log, in words, or null. */
  readonly sealer: { fault(): Promise<string | null> };
  readonly connectors: {
    health(): Promise<{
      status: 'ready' | 'degraded' | 'unavailable' | 'not_configured';
      detail: string;
    }>;
  };
  readonly runs: {
    health(): Promise<{ state: 'running' | 'degraded'; reason: string | null }>;
    queueDepth(): Promise<number>;
  };
  /** Room left on the disk of the data folder. */
  readonly freeBytes: () => Promise<number>;
  /** When a run executor of this server last looked for work, in seconds since the epoch; null if none ever did. */
  readonly executorBeat: () => Promise<number | null>;
}

/** An executor that has not looked for work for so long, beyond its longest sleep, hangs. */
const HANGING_MS = 30_000;
/** A write needs more room than its own few bytes: write-ahead log, heads, backups. */
const FULL_BELOW_BYTES = 1_048_576;

export function standardChecks(options: CheckOptions): HealthCheck[] {
  const { redis, fleet, sealer, connectors } = options;
  return [
    { name: 'api', check: () => api(fleet()) },
    {
      name: 'audit',
      check: async () => {
        const fault = await sealer.fault();
        return fault === null ? { word: 'running' } : { word: 'degraded', reason: fault };
      },
    },
    {
      name: 'redis',
      check: () =>
        redis.state === 'ready'
          ? { word: 'ready' }
          : { word: 'degraded', reason: `${redis.endpoint} is lost; limits are kept by each worker alone` },
    },
    {
      name: 'crm_connector',
      check: async () => {
        const { status, detail } = await connectors.health();
        return { word: status, reason: detail };
      },
    },
    {
      name: 'lead_ingest',
      vital: true,
      check: () => ingest(options),
    },
    { name: 'workflow_runner', check: () => runner(options) },
  ];
}

function api({ workersReady, workersWanted }: FleetState): ComponentState {
  if (workersReady >= workersWanted) return { word: 'running' };
  return { word: 'degraded', reason: `${workersReady} of ${workersWanted} workers are ready` };
}

/** Leads can be read while the disk is full, but none can be taken in. */
async function ingest({ db, freeBytes }: CheckOptions): Promise<ComponentState> {
  const [free] = await Promise.all([freeBytes(), db.ping()]);
  if (free >= FULL_BELOW_BYTES) return { word: 'ready' };
  return {
    word: 'degraded',
    reason: `the disk of the data folder has no room left (${Math.floor(free / 1024)} KiB)`,
  };
}

async function runner({ config, runs, executorBeat }: CheckOptions): Promise<ComponentState> {
  const { monitoring, server, runs: engine } = config.current;
  const [health, depth, beat] = await Promise.all([runs.health(), runs.queueDepth(), executorBeat()]);
  if (depth >= monitoring.queue_depth_warn) {
    return { word: 'degraded', reason: `${depth} runs wait; the limit is ${monitoring.queue_depth_warn}` };
  }
  if (health.state === 'degraded') {
    return { word: 'degraded', ...(health.reason === null ? {} : { reason: health.reason }) };
  }
  const silentMs = beat === null ? 0 : now() - beat * 1000;
  if (server.role !== 'api' && silentMs > engine.poll_interval_ms + HANGING_MS) {
    return {
      word: 'degraded',
      reason: `no executor has looked for work for ${Math.round(silentMs / 1000)} s`,
    };
  }
  return { word: 'running' };
}

/** What an operator should be reminded of although everything works as configured. */
export function standingWarnings({ config, redis }: Pick<CheckOptions, 'config' | 'redis'>): string[] {
  const warnings: string[] = [];
  if (!config.current.auth.enabled) {
    warnings.push('Authentication is disabled: everybody is an operator. Set auth.enabled to true.');
  }
  if (redis.target.fallback) {
    warnings.push('The configured Redis cannot be reached; the embedded one stands in for it.');
  }
  return warnings;
}
