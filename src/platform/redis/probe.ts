/** One look at the configured Redis: can it be used, and if not, why, in words for an operator. */
import { messageOf } from '@/platform/errors/problem.ts';
import { withDeadline } from '@/platform/time/deadline.ts';
import { checkAnswers, checkUsable } from './check.ts';
import { createClient, endpointOf, type RedisClient, type RedisConfig } from './client.ts';

export type RedisProbe = { readonly ok: true } | { readonly ok: false; readonly cause: string };

const REAL = { mode: 'real', socketPath: '', fallback: false } as const;

/** What ioredis says for want of anything better. */
const VAGUE =
  /^(Connection is closed|Stream isn't writeable|Cluster isn't ready|None of startup nodes|All sentinels are unreachable)|because Connection is closed/;

/** A sentinel that is there but has no such master. */
const UNKNOWN_MASTER = /got an invalid reply: null$|No such master with that name/;

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host name cannot be looked up now',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ECONNRESET: 'connection reset',
};

function inWords(error: unknown): string {
  const { code, lastNodeError } = (error ?? {}) as { code?: unknown; lastNodeError?: unknown };
  if (lastNodeError) return inWords(lastNodeError);
  if (UNKNOWN_MASTER.test(messageOf(error))) return 'the sentinels know no master of that name';
  const known = typeof code === 'string' ? WORDS[code] : undefined;
  return known ? `${known} (${String(code)})` : messageOf(error);
}

/** Never throws; takes no longer than `connect_timeout_ms`. `cause` names host and port. */
export async function probeRedis(config: RedisConfig): Promise<RedisProbe> {
  const startedAt = performance.now();
  const failure = await look(config, checkUsable);
  if (failure === null) return { ok: true };
  const leftMs = Math.round(config.connect_timeout_ms - (performance.now() - startedAt));
  const [node] = [...config.cluster_nodes, ...config.sentinels];
  if (node && VAGUE.test(failure) && leftMs > 0) {
    // Clients of clusters and sentinels hide why these cannot be reached: ask one of them.
    const single = { ...config, ...node, cluster_nodes: [], sentinels: [], connect_timeout_ms: leftMs };
    return {
      ok: false,
      cause: `${endpointOf(config, REAL)}: ${(await look(single, checkAnswers)) ?? failure}`,
    };
  }
  return { ok: false, cause: `${endpointOf(config, REAL)}: ${failure}` };
}

/** Null when Redis does what `check` asks of it. */
async function look(
  config: RedisConfig,
  check: (client: RedisClient) => Promise<void>,
): Promise<string | null> {
  let client: RedisClient | null = null;
  let telling: unknown = null;
  const note = (error: unknown): void => {
    const words = inWords(error);
    if (!VAGUE.test(words)) telling = error;
  };
  try {
    const opened = createClient(config, REAL, { retry: false });
    client = opened;
    const checked = new Promise<void>((resolve, reject) => {
      opened.on('error', note);
      opened.on('sentinelError', note);
      opened.once('end', () => reject(new Error('Connection is closed.')));
      opened.once('ready', () => {
        check(opened).then(resolve, reject);
      });
    });
    await withDeadline(checked, { ms: config.connect_timeout_ms });
    return null;
  } catch (error) {
    return inWords(telling ?? error);
  } finally {
    client?.disconnect();
  }
}
