/** Which Redis a server begins with: the configuration's wish against what was found. */
import type { RedisTarget } from '@/platform/ipc/messages.ts';
import type { RedisConfig } from './client.ts';
import type { RedisProbe } from './probe.ts';

export type RedisDecision =
  | {
      readonly target: RedisTarget;
      /** Log it at level WARN, as it is. */
      readonly warning?: string;
    }
  /** Do not start: say this and exit with 1. */
  | { readonly refusal: string };

/** `probe` is not looked at when the configuration wants the embedded Redis in any case. */
export function decideRedis(config: RedisConfig, probe: RedisProbe, socketPath: string): RedisDecision {
  if (config.use_fake_redis) return { target: { mode: 'embedded', socketPath, fallback: false } };
  if (probe.ok) return { target: { mode: 'real', socketPath: '', fallback: false } };
  if (config.required || !config.allow_fallback) {
    const key = config.required ? 'redis.required is true' : 'redis.allow_fallback is false';
    return { refusal: `Redis is not available at ${probe.cause} (${key})` };
  }
  return {
    target: { mode: 'embedded', socketPath, fallback: true },
    warning: `Redis unavailable, using embedded fallback: ${probe.cause}`,
  };
}
