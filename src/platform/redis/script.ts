/**
 * A script of ours, defined once as a pair: Lua for a real Redis, native for the embedded one, whose Lua costs a
 * millisecond a call. Both must give equal replies and leave equal keys; a differential test holds them to it.
 */
import { createHash } from 'node:crypto';
import type { Redis, RedisCommander } from 'ioredis';

/** What clients of a link may call: every Redis command, on one server, a sentinel's master or a cluster. */
export type RedisCommands = RedisCommander & Pick<Redis, 'multi' | 'pipeline'>;

/** What the native twin of a script may do with keys. A call runs to its end before any other command. */
export interface ScriptKeyspace {
  /** Milliseconds since the epoch, whole: Redis `TIME`. */
  timeMs(): number;
  /** Null when the key is missing or holds anything but a string. */
  get(key: string): string | null;
  /** Replaces the key, whatever it held; it ends by itself after `ttlMs`. */
  set(key: string, value: string, ttlMs: number): void;
}

export interface RedisScript {
  readonly name: string;
  readonly lua: string;
  /** The name by which Redis knows the Lua text. */
  readonly sha: string;
  readonly native: (keyspace: ScriptKeyspace, keys: readonly string[], args: readonly string[]) => number[];
}

export function defineScript(script: Omit<RedisScript, 'sha'>): RedisScript {
  return { ...script, sha: createHash('sha1').update(script.lua).digest('hex') };
}

/** Runs a script by its name, and by its text where Redis does not know it (first use, restart, SCRIPT FLUSH). */
export async function runScript(
  client: RedisCommands,
  script: RedisScript,
  keys: readonly string[],
  args: readonly number[],
): Promise<unknown> {
  try {
    return await client.evalsha(script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(script.lua, keys.length, ...keys, ...args);
  }
}
