/** Shared limits, over the embedded Redis and a real one alike, and what happens while Redis is lost. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { describeWithRedis } from '@test/support/redis.ts';
import { until } from '@test/support/wait.ts';
import { type Taken, TokenBuckets } from '@/platform/limits/buckets.ts';
import { LocalBuckets } from '@/platform/limits/local_buckets.ts';
import { silentLogger } from '@/platform/log/log.ts';
import type { RedisLink } from '@/platform/redis/link.ts';
import { newId } from '@/platform/time/clock.ts';
import { type Backend, embeddedBackend, openLink, realBackend } from '../redis/setup.ts';

const bucketsOver = (redis: RedisLink) => new TokenBuckets({ redis, log: silentLogger });
const allowed = (takes: readonly Taken[]) => takes.filter((taken) => taken.allowed);
/** Refills so slowly that nothing flows in during a test. */
const SLOW = { capacity: 120, windowSeconds: 86_400 };

function contract(open: () => Promise<Backend>): void {
  let backend: Backend;
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend[Symbol.asyncDispose]());
  const link = () => openLink(backend.target, backend.config);

  test('four workers together grant exactly the capacity', async () => {
    const links = await Promise.all([link(), link(), link(), link()]);
    const workers = links.map(bucketsOver);
    const key = newId();
    const takes = await Promise.all(
      Array.from({ length: 600 }, (_, index) => workers[index % 4]?.take({ key, ...SLOW })),
    );
    const granted = allowed(takes.filter((taken) => taken !== undefined));
    expect(granted).toHaveLength(120);
    // Every grant saw a number of its own: nobody was counted twice.
    expect(new Set(granted.map(({ remaining }) => remaining)).size).toBe(120);
    await Promise.all(links.map((each) => each.close()));
  });

  test('takes that wait for each other are answered first come, first served', async () => {
    await using redis = await link();
    const buckets = bucketsOver(redis);
    const key = newId();
    const takes = await Promise.all(Array.from({ length: 150 }, () => buckets.take({ key, ...SLOW })));
    expect(takes.map((taken) => taken.allowed)).toEqual(takes.map((_, index) => index < 120));
    expect(takes.map(({ remaining }) => remaining)).toEqual(
      takes.map((_, index) => Math.max(0, 119 - index)),
    );
    const last = takes.at(-1);
    expect(last).toMatchObject({ source: 'redis', allowed: false });
    expect(last?.retryAfterMs).toBeWithin(700_000, 720_001);
  });

  test('takes that arrive while a call is under way share the next one', async () => {
    await using redis = await link();
    let calls = 0;
    let release = (): void => undefined;
    const held = new Promise<void>((go) => {
      release = go;
    });
    const counting: Pick<RedisLink, 'run' | 'spansKeys' | 'state' | 'onStateChange'> = {
      spansKeys: redis.spansKeys,
      state: 'ready',
      onStateChange: redis.onStateChange.bind(redis),
      run: async (work) => {
        calls += 1;
        if (calls === 1) await held;
        return redis.run(work);
      },
    };
    const buckets = new TokenBuckets({ redis: counting, log: silentLogger });
    const first = buckets.take({ key: newId(), ...SLOW });
    await until(() => calls === 1);
    const rest = Array.from({ length: 200 }, (_, index) =>
      buckets.take({ key: `hot:${index % 10}`, ...SLOW }),
    );
    release();
    await Promise.all([first, ...rest]);
    expect(calls).toBe(2);
  });

  test('many buckets at once keep to themselves', async () => {
    await using redis = await link();
    const buckets = bucketsOver(redis);
    const run = newId();
    const takes = await Promise.all(
      Array.from({ length: 1500 }, (_, index) =>
        buckets.take({ key: `${run}:${index % 500}`, capacity: 2, windowSeconds: 86_400 }),
      ),
    );
    expect(allowed(takes)).toHaveLength(1000);
  });

  test('an empty bucket refills bit by bit', async () => {
    await using redis = await link();
    const buckets = bucketsOver(redis);
    const request = { key: newId(), capacity: 10, windowSeconds: 1 };
    await Promise.all(Array.from({ length: 10 }, () => buckets.take(request)));
    const refused = await buckets.take(request);
    expect(refused).toMatchObject({ allowed: false, remaining: 0 });
    expect(refused.retryAfterMs).toBeWithin(1, 101);
    const again = await until(async () => {
      const taken = await buckets.take(request);
      return taken.allowed ? taken : null;
    });
    expect(again.remaining).toBeLessThan(2);
  });

  test('a bucket leaves nothing behind once it is full again', async () => {
    await using redis = await link();
    const key = newId();
    await bucketsOver(redis).take({ key, capacity: 100, windowSeconds: 1 });
    await until(async () => (await redis.run((client) => client.exists(`limit:${key}`))) === 0);
  });

  test('a take may cost more than one token', async () => {
    await using redis = await link();
    const buckets = bucketsOver(redis);
    const request = { key: newId(), capacity: 10, windowSeconds: 86_400, cost: 4 };
    const takes = await Promise.all([buckets.take(request), buckets.take(request), buckets.take(request)]);
    expect(takes.map(({ allowed: yes, remaining }) => [yes, remaining])).toEqual([
      [true, 6],
      [true, 2],
      [false, 2],
    ]);
  });

  test('FLUSHALL makes buckets full and fails nothing', async () => {
    await using redis = await link();
    const buckets = bucketsOver(redis);
    const request = { key: newId(), capacity: 1, windowSeconds: 86_400 };
    expect((await buckets.take(request)).allowed).toBe(true);
    expect((await buckets.take(request)).allowed).toBe(false);
    await redis.run((client) => client.flushall());
    await redis.run((client) => client.script('FLUSH'));
    expect(await buckets.take(request)).toMatchObject({ allowed: true, source: 'redis' });
  });
}

describe('token buckets over the embedded Redis', () => contract(embeddedBackend));
describeWithRedis('token buckets over a real Redis', () => contract(realBackend));

describe('token buckets while Redis is lost', () => {
  test('limit in this worker, and in Redis again when it is back', async () => {
    const backend = await embeddedBackend();
    await using redis = await openLink(backend.target);
    const buckets = bucketsOver(redis);
    const request = { key: newId(), capacity: 3, windowSeconds: 86_400 };
    expect((await buckets.take(request)).source).toBe('redis');
    await backend[Symbol.asyncDispose]();
    await until(() => redis.state === 'lost');
    const takes = await Promise.all(Array.from({ length: 5 }, () => buckets.take(request)));
    expect(takes.map(({ source }) => source)).toEqual(Array<'local'>(5).fill('local'));
    expect(allowed(takes)).toHaveLength(3);
    expect(takes.at(-1)?.retryAfterMs).toBeGreaterThan(0);
  });

  test('answer also when Redis goes away in the middle of a call', async () => {
    const backend = await embeddedBackend();
    await using redis = await openLink(backend.target);
    const buckets = bucketsOver(redis);
    const takes = Array.from({ length: 50 }, (_, index) => buckets.take({ key: `middle:${index}`, ...SLOW }));
    await backend[Symbol.asyncDispose]();
    expect(allowed(await Promise.all(takes))).toHaveLength(50);
  });
});

describe('local buckets', () => {
  test('do not grow without bound', () => {
    const local = new LocalBuckets();
    const request = { capacity: 2, windowMs: 60_000, cost: 1, wanted: 2 };
    for (let index = 0; index < 60_000; index++)
      local.take(`key ${index}`, request, 1_800_000_000_000 + index);
    expect(local.size).toBeLessThanOrEqual(50_000);
    expect(local.take('key 59999', request, 1_800_000_060_000).granted).toBe(0);
  });
});
