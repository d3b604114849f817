/** Links and configurations for the tests of this folder. */

import { testConfig } from '@test/support/config.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { startRedis } from '@test/support/redis.ts';
import type { Config } from '@/platform/config/schema.ts';
import type { RedisTarget } from '@/platform/ipc/messages.ts';
import { takeTokensScript } from '@/platform/limits/take_tokens.ts';
import { type LogFields, type Logger, silentLogger } from '@/platform/log/log.ts';
import { startEmbeddedRedis } from '@/platform/redis/embedded/server.ts';
import { openRedisLink, type RedisLink } from '@/platform/redis/link.ts';

type RedisConfig = Config['redis'];

export const REAL: RedisTarget = { mode: 'real', socketPath: '', fallback: false };
export const embeddedAt = (socketPath: string): RedisTarget => ({
  mode: 'embedded',
  socketPath,
  fallback: false,
});

export const redisConfig = (over: Partial<RedisConfig> = {}): RedisConfig => ({
  ...testConfig().redis,
  host: '127.0.0.1',
  ...over,
});

/** A link that is closed at the end of the block. */
export async function openLink(
  target: RedisTarget,
  config: Partial<RedisConfig> = {},
  log: Logger = silentLogger,
): Promise<RedisLink & AsyncDisposable> {
  const link = await openRedisLink({ config: redisConfig(config), target, log, lingerMs: 200 });
  return Object.assign(link, { [Symbol.asyncDispose]: () => link.close() });
}

export interface Backend extends AsyncDisposable {
  readonly target: RedisTarget;
  readonly config: Partial<RedisConfig>;
}

export async function embeddedBackend(): Promise<Backend> {
  const folder = temporaryFolder();
  const socketPath = folder.paths.redisSocket;
  const server = await startEmbeddedRedis({ scripts: [takeTokensScript], socketPath, log: silentLogger });
  return {
    target: embeddedAt(socketPath),
    config: {},
    async [Symbol.asyncDispose]() {
      await server.close();
      folder.remove();
    },
  };
}

export async function realBackend(): Promise<Backend> {
  const redis = await startRedis();
  return {
    target: REAL,
    config: { port: redis.port },
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
}

/** A logger that keeps its lines. */
export function keepingLogger(): Logger & {
  readonly lines: { level: string; msg: string; fields: LogFields }[];
} {
  const lines: { level: string; msg: string; fields: LogFields }[] = [];
  const at =
    (level: string) =>
    (msg: string, fields: LogFields = {}) =>
      void lines.push({ level, msg, fields });
  const logger = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: () => logger,
    setLevel: () => undefined,
  };
  return logger;
}
