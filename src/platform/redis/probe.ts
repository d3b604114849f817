/** One look at the configured Redis: can it be used, and if not, why, in words for an operator. */
import { messageOf } from '@/platform/errors/problem.ts';
import { createClient, endpointOf, type RedisClient, type RedisConfig } from './client.ts';

export type RedisProbe = { readonly ok: true } | { readonly ok: false; readonly cause: string };

const REAL = { mode: 'real', socketPath: '', fallback: false } as const;

/** Wrappers of ioredis that say less than the error inside them. */
const VAGUE = /^(Connection is closed|Stream isn't writeable|Cluster isn't ready|None of startup nodes)/;

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host name cannot be looked up now',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ECONNRESET: 'connection reset',
};

function words(error: unknown): string {
  const { code, lastNodeError } = (error ?? {}) as { code?: unknown; lastNodeError?: unknown };
  if (lastNodeError) return words(lastNodeError);
  const known = typeof code === 'string' ? WORDS[code] : undefined;
  return known ? `${known} (${String(code)})` : messageOf(error);
}

/** Never throws; takes no longer than `connect_timeout_ms`. `cause` names host and port. */
export async function probeRedis(config: RedisConfig): Promise<RedisProbe> {
  const endpoint = endpointOf(config, REAL);
  let client: RedisClient | null = null;
  let seen: unknown = null;
  let timer: Timer | undefined;
  const note = (error: unknown): void => {
    if (!VAGUE.test(messageOf(error))) seen = error;
  };
  try {
    const opened = createClient(config, REAL, { retry: false });
    client = opened;
    await new Promise<void>((resolve, reject) => {
      const late = `no answer within ${config.connect_timeout_ms} ms`;
      timer = setTimeout(() => reject(new Error(late)), config.connect_timeout_ms);
      const ended = (): void => reject(new Error('the connection was closed before Redis answered'));
      opened.on('error', note);
      opened.on('node error', note);
      opened.once('end', ended);
      opened.once('ready', () => {
        opened.ping().then(() => resolve(), reject);
      });
    });
    return { ok: true };
  } catch (error) {
    return { ok: false, cause: `${endpoint}: ${words(seen ?? error)}` };
  } finally {
    clearTimeout(timer);
    client?.disconnect();
  }
}
