import { afterEach, describe, expect, test } from 'bun:test';
import { testConfig } from '@test/support/config.ts';
import { apiCheck, redisCheck, standingWarnings } from '@/features/health/checks.ts';
import { HealthService } from '@/features/health/service.ts';
import { SharedHealth } from '@/features/health/shared.ts';
import { leadIngestCheck } from '@/features/leads/health.ts';
import { runnerCheck } from '@/features/runs/health.ts';
import { RedisLost } from '@/platform/redis/lost.ts';
import type { RedisCommands } from '@/platform/redis/script.ts';
import { holdStill } from '@/platform/time/clock.ts';

const release: (() => void)[] = [];
afterEach(() => {
  for (const each of release.splice(0)) each();
});

const FLEET = {
  startedAt: 0,
  workersWanted: 4,
  workersReady: 4,
  redis: { mode: 'embedded', socketPath: '/x', fallback: false },
} as const;
const FIGURES = {
  queue_depth: 0,
  leads_cached: 3,
  workflows_cached: 1,
  redis_mode: 'embedded',
  workers_ready: 4,
  workers_wanted: 4,
};

/** As much of a Redis as health uses, on the clock of the test. */
function fakeRedis(clock: { readonly now: number }) {
  const kept = new Map<string, { readonly text: string; readonly until: number }>();
  const get = async (key: string) => {
    const found = kept.get(key);
    return found && found.until > clock.now ? found.text : null;
  };
  const set = async (key: string, text: string, _px: 'PX', forMs: number, _nx: 'NX') => {
    if ((await get(key)) !== null) return null;
    kept.set(key, { text, until: clock.now + forMs });
    return 'OK';
  };
  const redis = {
    state: 'ready' as 'ready' | 'lost',
    run: async <T>(work: (client: RedisCommands) => Promise<T>): Promise<T> => {
      if (redis.state === 'lost') throw new RedisLost('redis:6379', 'gone');
      return work({
        get,
        set,
        del: async (key: string) => Number(kept.delete(key)),
      } as unknown as RedisCommands);
    },
  };
  return redis;
}

const startClock = () => {
  const clock = { now: 1_000_000 };
  release.push(holdStill({ now: () => clock.now }));
  return clock;
};

interface CheckOptions {
  config: { current: ReturnType<typeof testConfig> };
  redis: Parameters<typeof redisCheck>[0];
  fleet: Parameters<typeof apiCheck>[0];
  ingest: Parameters<typeof leadIngestCheck>[0];
  runner: Pick<Parameters<typeof runnerCheck>[0], 'runs' | 'beat'>;
}

/** A worker of a server in good order, of which a test breaks some part. */
function server(broken: Partial<CheckOptions> = {}, clock = startClock(), redis = fakeRedis(clock)) {
  const asked = { pings: 0, figures: 0 };
  const figures: Record<keyof typeof FIGURES, () => Promise<number | string>> = {
    queue_depth: async () => {
      asked.figures += 1;
      return FIGURES.queue_depth;
    },
    leads_cached: async () => FIGURES.leads_cached,
    workflows_cached: async () => FIGURES.workflows_cached,
    redis_mode: async () => FIGURES.redis_mode,
    workers_ready: async () => FIGURES.workers_ready,
    workers_wanted: async () => FIGURES.workers_wanted,
  };
  const options: CheckOptions = {
    config: { current: testConfig() },
    redis: { state: 'ready', endpoint: 'localhost:6379', target: FLEET.redis },
    fleet: () => FLEET,
    ingest: {
      db: {
        ping: async () => {
          asked.pings += 1;
        },
      },
      freeBytes: async () => 1e9,
    },
    runner: {
      runs: { health: async () => ({ state: 'running', reason: null }), queueDepth: async () => 0 },
      beat: async () => clock.now / 1000,
    },
    ...broken,
  };
  const health = new HealthService({
    version: '1.2.3',
    checks: () => [
      apiCheck(options.fleet),
      redisCheck(options.redis),
      leadIngestCheck(options.ingest),
      runnerCheck({ config: options.config, executor: null, ...options.runner }),
    ],
    figures: () =>
      Object.keys(figures).map((name) => ({
        name,
        description: '',
        example: 1,
        read: () => figures[name as keyof typeof FIGURES](),
      })),
    shared: new SharedHealth({ redis, serverId: 'server-1' }),
    warnings: () => standingWarnings(options),
  });
  return { health, options, clock, asked, figures, redis };
}

/** Executors and a queue of which some answers differ. */
const runner = (
  over: Partial<CheckOptions['runner']['runs']>,
  beat = 1_000,
): Pick<CheckOptions, 'runner'> => ({
  runner: {
    runs: {
      health: async () => ({ state: 'running', reason: null }),
      queueDepth: async () => 0,
      ...over,
    },
    beat: async () => beat,
  },
});

describe('health', () => {
  test('of a server in good order', async () => {
    expect(await server().health.short()).toEqual({
      status: 'healthy',
      version: '1.2.3',
      timestamp: '1970-01-01T00:16:40.000Z',
      components: {
        api: 'running',
        redis: 'ready',
        lead_ingest: 'ready',
        workflow_runner: 'running',
      },
    });
  });

  test('with figures, beside the components and among them', async () => {
    const detailed = await server().health.detailed();
    expect(detailed).toMatchObject({ cache: 'active', ...FIGURES });
    expect(detailed.components).toMatchObject({ api: 'running', cache: 'active', ...FIGURES });
  });

  test('has null for a figure that cannot be had, and all the others', async () => {
    const { health, figures } = server();
    figures.queue_depth = () => Promise.reject(new Error('away'));
    figures.leads_cached = () => {
      throw new Error('away');
    };
    const expected = { ...FIGURES, queue_depth: null, leads_cached: null };
    const detailed = await health.detailed();
    expect(detailed).toMatchObject(expected);
    expect(detailed.components).toMatchObject(expected);
  });

  test('with figures is one answer for all workers of a server, for five seconds', async () => {
    const clock = startClock();
    const redis = fakeRedis(clock);
    const [one, two] = [server({}, clock, redis), server({}, clock, redis)];
    const first = await one.health.detailed();
    clock.now += 4_999;
    expect(await two.health.detailed()).toEqual(first);
    clock.now += 1;
    const second = await two.health.detailed();
    expect(second.timestamp).not.toBe(first.timestamp);
    expect(await one.health.detailed()).toEqual(second);
    expect([one.asked.figures, two.asked.figures]).toEqual([1, 1]);
  });

  test('with figures asked of two workers at once is that of the faster one', async () => {
    const clock = startClock();
    const redis = fakeRedis(clock);
    const [fast, slow] = [server({}, clock, redis), server({}, clock, redis)];
    const held = Promise.withResolvers<number>();
    slow.figures.leads_cached = () => held.promise;
    const waiting = slow.health.detailed();
    clock.now += 10;
    const answer = await fast.health.detailed();
    held.resolve(4);
    expect(await waiting).toEqual(answer);
  });

  test('with figures is never older than five seconds, also when it is shared late', async () => {
    const clock = startClock();
    const redis = fakeRedis(clock);
    redis.state = 'lost';
    const [one, two] = [server({}, clock, redis), server({}, clock, redis)];
    const alone = await one.health.detailed();
    expect(alone).toMatchObject({ cache: 'degraded', components: { cache: 'degraded' } });
    clock.now += 3_000;
    redis.state = 'ready';
    expect(await one.health.detailed()).toEqual(alone);
    clock.now += 1_999;
    expect(await two.health.detailed()).toEqual(alone);
    clock.now += 1;
    expect(await two.health.detailed()).toMatchObject({ cache: 'active' });
  });

  test('with figures is not held for ever because the clock was set back', async () => {
    const clock = startClock();
    const redis = fakeRedis(clock);
    const [one, two] = [server({}, clock, redis), server({}, clock, redis)];
    await one.health.detailed();
    clock.now -= 60_000;
    const later = await two.health.detailed();
    expect(later.timestamp).toBe('1970-01-01T00:15:40.000Z');
    expect(await one.health.detailed()).toEqual(later);
  });

  test('with figures is kept by each worker alone while Redis is lost', async () => {
    const clock = startClock();
    const redis = fakeRedis(clock);
    const [one, two] = [server({}, clock, redis), server({}, clock, redis)];
    await one.health.detailed();
    redis.state = 'lost';
    clock.now += 1_000;
    const other = await two.health.detailed();
    expect(other).toMatchObject({ cache: 'degraded', timestamp: '1970-01-01T00:16:41.000Z' });
    clock.now += 4_999;
    expect(await two.health.detailed()).toEqual(other);
    expect([one.asked.figures, two.asked.figures]).toEqual([1, 1]);
  });

  test.each<[string, Partial<CheckOptions>, string, string]>([
    [
      'Redis is lost',
      { redis: { state: 'lost', endpoint: 'redis:6379', target: FLEET.redis } },
      'redis',
      'redis:6379',
    ],
    ['workers are missing', { fleet: () => ({ ...FLEET, workersReady: 3 }) }, 'api', '3 of 4'],
    ['too many runs wait', runner({ queueDepth: async () => 1000 }), 'workflow_runner', '1000 runs wait'],
    [
      'nobody carries out runs',
      runner({ health: async () => ({ state: 'degraded', reason: 'nobody' }) }),
      'workflow_runner',
      'nobody',
    ],
    [
      'the disk is full',
      { ingest: { db: { ping: async () => undefined }, freeBytes: async () => 4096 } },
      'lead_ingest',
      'no space left (4 KiB)',
    ],
    ['executors hang', runner({}, 900), 'workflow_runner', 'looked for work for 100 s'],
  ])('is degraded when %s, and says why', async (_what, broken, component, reason) => {
    const answer = await server(broken).health.short();
    expect(answer.status).toBe('degraded');
    expect(answer.components[component]).toBe('degraded');
    expect(answer.reasons).toEqual([expect.stringContaining(reason)]);
  });

  test('is unhealthy without the database', async () => {
    const answer = await server({
      ingest: { db: { ping: () => Promise.reject(new Error('disk gone')) }, freeBytes: async () => 1e9 },
    }).health.short();
    expect(answer.status).toBe('unhealthy');
    expect(answer.components.lead_ingest).toBe('unavailable');
    expect(answer.reasons).toEqual(['lead_ingest: disk gone']);
  });

  test('stays healthy on the embedded Redis and without authentication, and warns of them', async () => {
    const config = { current: testConfig({ auth: { enabled: false } }) };
    const target = { ...FLEET.redis, fallback: true };
    const answer = await server({ config, redis: { state: 'ready', endpoint: 'x', target } }).health.short();
    expect(answer.status).toBe('healthy');
    expect(answer.warnings).toHaveLength(2);
  });

  test('is not ready for new work from the moment the worker is about to leave, and still alive', async () => {
    const { health } = server();
    expect(await health.ready()).toMatchObject({ status: 'healthy' });
    health.leave();
    expect(await health.ready()).toMatchObject({
      status: 'unhealthy',
      reasons: ['api: this worker is about to leave'],
    });
    expect(await health.short()).toMatchObject({ status: 'healthy' });
  });

  test('asks its parts again after a second, for figures after five', async () => {
    const { health, clock, asked } = server();
    await Promise.all([health.short(), health.short(), health.detailed(), health.detailed()]);
    expect(asked).toEqual({ pings: 2, figures: 1 });
    clock.now += 1_000;
    await Promise.all([health.short(), health.detailed()]);
    expect(asked).toEqual({ pings: 3, figures: 1 });
    clock.now += 4_000;
    await health.detailed();
    expect(asked).toEqual({ pings: 4, figures: 2 });
  });
});
