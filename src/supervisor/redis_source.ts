/**
 * Which Redis the workers use, and the embedded one while it is needed. Decided at the start by the configuration; a
 * server that started on the fallback keeps looking for the real Redis and moves over when it appears.
 */
import type { DataPaths } from '@/platform/config/paths.ts';
import type { Config } from '@/platform/config/schema.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import type { RedisTarget } from '@/platform/ipc/messages.ts';
import { Job } from '@/platform/jobs/job.ts';
import { takeTokensScript } from '@/platform/limits/take_tokens.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { decideRedis } from '@/platform/redis/decide.ts';
import { startEmbeddedRedis } from '@/platform/redis/embedded/server.ts';
import { probeRedis } from '@/platform/redis/probe.ts';
import { withDeadline } from '@/platform/time/deadline.ts';

export interface RedisSource {
  readonly target: RedisTarget;
  close(): Promise<void>;
}

interface Options {
  readonly config: Config['redis'];
  readonly paths: DataPaths;
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** The server has moved over to the real Redis. */
  moved(): void;
  readonly lookEveryMs?: number;
  /** The embedded Redis outlives the move by this long: calls under way still get their answers. */
  readonly lingerMs?: number;
}

const LOOK_EVERY_MS = 2_000;
const LINGER_MS = 10_000;

/** Throws CommandFailure (exit 1) when the configuration demands a Redis that does not answer. */
export async function openRedisSource(options: Options): Promise<RedisSource> {
  const { config, paths, log } = options;
  const probe = config.use_fake_redis
    ? { ok: false as const, cause: 'not looked for' }
    : await probeRedis(config);
  const decision = decideRedis(config, probe, paths.redisSocket);
  if ('refusal' in decision) throw new CommandFailure(decision.refusal);
  if (decision.warning) log.warn(decision.warning);
  const source = new Source(options, decision.target);
  await source.open();
  return source;
}

class Source implements RedisSource {
  private embedded: { close(): Promise<void> } | null = null;
  private retiring: Timer | null = null;
  private readonly job: Job;

  constructor(
    private readonly options: Options,
    public target: RedisTarget,
  ) {
    const { log, metrics, lookEveryMs = LOOK_EVERY_MS } = options;
    this.job = new Job({
      name: 'redis_look',
      everyMs: lookEveryMs,
      run: (signal) => this.look(signal),
      log,
      metrics,
    });
  }

  async open(): Promise<void> {
    if (this.target.mode !== 'embedded') return;
    const { paths, log } = this.options;
    this.embedded = await startEmbeddedRedis({
      socketPath: paths.redisSocket,
      scripts: [takeTokensScript],
      log,
    });
    if (this.target.fallback) this.job.start();
  }

  async close(): Promise<void> {
    await this.job.stop();
    if (this.retiring) clearTimeout(this.retiring);
    await this.embedded?.close();
    this.embedded = null;
  }

  private async look(signal: AbortSignal): Promise<void> {
    const { config, log, moved, lingerMs = LINGER_MS } = this.options;
    const probe = await withDeadline(probeRedis(config), { signal });
    if (!probe.ok || signal.aborted) return;
    // Not waited for: it waits for this very round.
    void this.job.stop();
    this.target = { mode: 'real', socketPath: '', fallback: false };
    log.info('Redis has appeared, moving over from the embedded one');
    moved();
    this.retiring = setTimeout(() => void this.retire(), lingerMs);
  }

  private async retire(): Promise<void> {
    const { embedded } = this;
    this.embedded = null;
    await embedded?.close();
  }
}
