/** The Lua of our scripts on a real Redis against their native twins: same replies, same keys, same lives. */

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { describeWithRedis, type PrivateRedis, startRedis } from '@test/support/redis.ts';
import fc from 'fast-check';
import { takeTokensScript } from '@/platform/limits/take_tokens.ts';
import type { ScriptKeyspace } from '@/platform/redis/script.ts';

/** The native side: a map whose clock is set by hand, with the lives of the keys. */
class Twin implements ScriptKeyspace {
  readonly kept = new Map<string, { value: string; ttlMs: number }>();
  now = 0;
  timeMs = () => this.now;
  get = (key: string) => this.kept.get(key)?.value ?? null;
  set = (key: string, value: string, ttlMs: number) => void this.kept.set(key, { value, ttlMs });
}

/**
 * The same Lua with the clock given as its last argument, and with the lives of keys written down beside them instead
 * of lived: real time cannot be held still.
 */
const TIME = "redis.call('TIME')";
const SET = /redis\.call\('SET', key, value, 'PX', (.+)\)\n/;
function luaOutOfTime(lua: string): string {
  if (!lua.includes(TIME) || !SET.test(lua)) throw new Error('the script has changed: adapt this test');
  return lua
    .replace(TIME, '{ string.sub(ARGV[#ARGV], 1, -4), string.sub(ARGV[#ARGV], -3) .. "999" }')
    .replace(SET, "redis.call('SET', key, value) redis.call('SET', key .. ':life', $1)\n");
}

const calls = fc.array(
  fc.record({
    wait: fc.oneof(fc.nat(2000), fc.integer({ min: -100_000, max: 10_000_000 })),
    buckets: fc.array(
      fc.record({
        key: fc.constantFrom('a', 'b', 'c'),
        // Few different values, so that calls meet buckets left by others, also with changed limits.
        capacity: fc.oneof(fc.constantFrom(1, 7, 120), fc.integer({ min: 1, max: 1_000_000_000 })),
        windowMs: fc.oneof(fc.constantFrom(1000, 60_000), fc.integer({ min: 1, max: 86_400_000 })),
        cost: fc.constantFrom(1, 1, 1, 3, 50),
        wanted: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 2_000_000 })),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
  { minLength: 1, maxLength: 12 },
);

describeWithRedis('the scripts on a real Redis and natively', () => {
  let redis: PrivateRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  test('token buckets are equal in replies, stored values and lives of the keys', async () => {
    const lua = luaOutOfTime(takeTokensScript.lua);
    const { control } = redis;
    await fc.assert(
      fc.asyncProperty(calls, async (steps) => {
        await control.flushall();
        const twin = new Twin();
        twin.now = 1_800_000_000_000;
        for (const { wait, buckets } of steps) {
          twin.now += wait;
          const keys = buckets.map(({ key }) => key);
          const args = buckets.flatMap((b) => [b.capacity, b.windowMs, b.cost, b.wanted]).map(String);
          const native = takeTokensScript.native(twin, keys, args);
          const reply = await control.eval(lua, keys.length, ...keys, ...args, String(twin.now));
          expect(reply).toEqual(native);
          for (const key of new Set(keys)) {
            const kept = twin.kept.get(key);
            const expected = kept ? [kept.value, String(kept.ttlMs)] : [null, null];
            expect(await control.mget(key, `${key}:life`)).toEqual(expected);
          }
        }
      }),
      { numRuns: 300 },
    );
  }, 30_000);

  test('a key that holds something foreign is a full bucket, and is replaced', async () => {
    const { control } = redis;
    await control.flushall();
    await control.lpush('list', 'x');
    await control.set('text', 'not a bucket');
    const args = [10, 1000, 1, 1, 10, 1000, 1, 1];
    const reply = await control.eval(takeTokensScript.lua, 2, 'list', 'text', ...args);
    expect(reply).toEqual([1, 9, 0, 100, 1, 9, 0, 100]);
    expect(await control.type('list')).toBe('string');
  });

  test('every script is accepted by Redis under the name that we compute', async () => {
    for (const script of [takeTokensScript]) {
      expect(await redis.control.script('LOAD', script.lua)).toBe(script.sha);
    }
  });
});
