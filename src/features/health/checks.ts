/** The parts of the server that belong to no feature, each with the question that it is asked. */
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { FleetState, RedisTarget } from '@/platform/ipc/messages.ts';
import type { HealthCheck } from './components.ts';

interface RedisState {
  readonly state: 'ready' | 'lost';
  readonly endpoint: string;
  readonly target: RedisTarget;
}

export const apiCheck = (fleet: () => FleetState): HealthCheck => ({
  name: 'api',
  check() {
    const { workersReady, workersWanted } = fleet();
    if (workersReady >= workersWanted) return { word: 'running' };
    return { word: 'degraded', reason: `${workersReady} of ${workersWanted} workers are ready` };
  },
});

export const redisCheck = (redis: RedisState): HealthCheck => ({
  name: 'redis',
  check: () =>
    redis.state === 'ready'
      ? { word: 'ready' }
      : { word: 'degraded', reason: `${redis.endpoint} is lost; limits are kept by each worker alone` },
});

interface WarningOptions {
  readonly config: LiveConfig;
  readonly redis: Pick<RedisState, 'target'>;
}

/** What an operator should be reminded of although everything works as configured. */
export function standingWarnings({ config, redis }: WarningOptions): string[] {
  const warnings: string[] = [];
  if (!config.current.auth.enabled) {
    warnings.push('Authentication is disabled: everybody is an operator. Set auth.enabled to true.');
  }
  if (redis.target.fallback) {
    warnings.push('The configured Redis cannot be reached; the embedded one stands in for it.');
  }
  return warnings;
}
