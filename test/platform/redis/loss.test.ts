/** A real Redis that dies, hangs, forgets, refuses to write and returns; and moves between two of them. */
import { expect, test } from 'bun:test';
import { describeWithRedis, freeRedisPort, startRedis } from '@test/support/redis.ts';
import { until, withoutWaiting } from '@test/support/wait.ts';
import { TokenBuckets } from '@/platform/limits/buckets.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { RedisLost } from '@/platform/redis/lost.ts';
import { newId } from '@/platform/time/clock.ts';
import { embeddedBackend, keepingLogger, openLink, REAL } from './setup.ts';

const BUCKET = { capacity: 1_000_000, windowSeconds: 86_400 };

describeWithRedis('a Redis that goes away and returns', () => {
  test('calls fail at once while it is away, and work again when it is back', async () => {
    const redis = await startRedis();
    const log = keepingLogger();
    await using link = await openLink(REAL, { port: redis.port }, log);
    const states: string[] = [];
    link.onStateChange((state) => states.push(state));
    await redis.kill();
    await until(() => link.state === 'lost');
    const call = link.run((client) => client.ping());
    await expect(withoutWaiting(call)).rejects.toBeInstanceOf(RedisLost);
    await using again = await redis.again();
    await until(() => link.state === 'ready');
    expect(await link.run((client) => client.set('x', '1', 'PX', 1000))).toBe('OK');
    expect(await again.control.get('ao:x')).toBe('1');
    expect(states).toEqual(['lost', 'ready']);
    expect(log.lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'Redis lost, limits go on per worker'],
      ['info', 'Redis is back'],
    ]);
    expect(log.lines[0]?.fields.endpoint).toBe(`127.0.0.1:${redis.port}`);
  });

  test('subscriptions are taken up again', async () => {
    const redis = await startRedis();
    await using link = await openLink(REAL, { port: redis.port });
    const heard: string[] = [];
    link.subscribe('news', (message) => heard.push(message));
    await until(() => {
      link.publish('news', 'before');
      return heard.includes('before');
    });
    await redis.kill();
    await until(() => link.state === 'lost');
    link.publish('news', 'meanwhile');
    await using _ = await redis.again();
    await until(() => {
      link.publish('news', 'after');
      return heard.includes('after');
    });
    expect(heard).not.toContain('meanwhile');
  });

  test('a link opens without Redis, and finds it later', async () => {
    const port = freeRedisPort();
    const log = keepingLogger();
    await using link = await openLink(REAL, { port, connect_timeout_ms: 200 }, log);
    expect(link.state).toBe('lost');
    expect(log.lines.map(({ msg }) => msg)).toEqual(['Redis lost, limits go on per worker']);
    await using _ = await startRedis({ port });
    await until(() => link.state === 'ready');
    expect(await link.run((client) => client.ping())).toBe('PONG');
  });

  test('no take fails while it is killed and comes back under load', async () => {
    const redis = await startRedis();
    await using link = await openLink(REAL, { port: redis.port });
    const buckets = new TokenBuckets({ redis: link, log: silentLogger });
    const sources = new Set<string>();
    let going = true;
    const load = Array.from({ length: 20 }, async (_, user) => {
      while (going) {
        const taken = await buckets.take({ key: `user:${user}`, ...BUCKET });
        expect(taken.allowed).toBe(true);
        sources.add(taken.source);
        await Bun.sleep(1);
      }
    });
    await until(() => sources.has('redis'));
    await redis.kill();
    await until(() => sources.has('local'));
    await using _ = await redis.again();
    sources.clear();
    await until(() => sources.has('redis'));
    going = false;
    await Promise.all(load);
  });
});

describeWithRedis('a Redis that hangs', () => {
  test('DEBUG SLEEP: calls wait no longer than command_timeout_ms, later ones not at all', async () => {
    await using redis = await startRedis();
    await using link = await openLink(REAL, { port: redis.port, command_timeout_ms: 100 });
    const buckets = new TokenBuckets({ redis: link, log: silentLogger });
    let awake = false;
    const sleeping = redis.control.call('DEBUG', 'SLEEP', '2').then(() => {
      awake = true;
    });
    expect((await buckets.take({ key: 'sleep', ...BUCKET })).source).toBe('local');
    expect([link.state, awake]).toEqual(['lost', false]);
    const next = await withoutWaiting(buckets.take({ key: 'sleep', ...BUCKET }));
    expect(next.source).toBe('local');
    await sleeping;
    await until(() => link.state === 'ready');
    expect((await buckets.take({ key: 'sleep', ...BUCKET })).source).toBe('redis');
  });

  test('is noticed also while nobody calls', async () => {
    await using redis = await startRedis();
    await using link = await openLink(REAL, { port: redis.port, command_timeout_ms: 50 });
    redis.freeze();
    await until(() => link.state === 'lost');
    redis.thaw();
    await until(() => link.state === 'ready');
  });

  test('a connection that died without a word is made anew', async () => {
    await using redis = await startRedis();
    await using proxy = deafProxy(redis.port);
    const timeouts = { command_timeout_ms: 50, connect_timeout_ms: 200 };
    await using link = await openLink(REAL, { port: proxy.port, ...timeouts });
    const heard: string[] = [];
    link.subscribe('news', (message) => heard.push(message));
    await until(() => {
      link.publish('news', 'before');
      return heard.length > 0;
    });
    proxy.goDeaf();
    await until(() => link.state === 'lost');
    await until(() => link.state === 'ready');
    await until(() => {
      link.publish('news', 'after');
      return heard.includes('after');
    });
  }, 15_000);

  test('a worker that stood still itself does not take Redis for lost', async () => {
    await using redis = await startRedis();
    await using link = await openLink(REAL, { port: redis.port, command_timeout_ms: 100 });
    const states: string[] = [];
    link.onStateChange((state) => states.push(state));
    const call = link.run((client) => client.ping());
    Bun.sleepSync(400);
    expect(await call).toBe('PONG');
    expect(states).toEqual([]);
  });
});

describeWithRedis('a Redis that refuses', () => {
  test('writes: the link is lost until it takes them again', async () => {
    await using redis = await startRedis();
    await using link = await openLink(REAL, { port: redis.port });
    const buckets = new TokenBuckets({ redis: link, log: silentLogger });
    await redis.control.config('SET', 'maxmemory', '1');
    expect((await buckets.take({ key: 'full', ...BUCKET })).source).toBe('local');
    expect(link.state).toBe('lost');
    await redis.control.config('SET', 'maxmemory', '0');
    await until(() => link.state === 'ready');
    expect((await buckets.take({ key: 'full', ...BUCKET })).source).toBe('redis');
  });

  test('FLUSHALL and SCRIPT FLUSH at any moment disturb nobody', async () => {
    await using redis = await startRedis();
    await using link = await openLink(REAL, { port: redis.port });
    const buckets = new TokenBuckets({ redis: link, log: silentLogger });
    for (let round = 0; round < 20; round++) {
      const takes = Array.from({ length: 20 }, (_, index) => buckets.take({ key: `f:${index}`, ...BUCKET }));
      await Promise.all([redis.control.flushall(), redis.control.script('FLUSH')]);
      for (const taken of await Promise.all(takes))
        expect(taken).toMatchObject({ allowed: true, source: 'redis' });
    }
    expect(link.state).toBe('ready');
  });
});

describeWithRedis('a link that moves from the embedded to a real Redis', () => {
  test('fails no call and no take meanwhile, and takes its subscriptions along', async () => {
    await using embedded = await embeddedBackend();
    await using redis = await startRedis();
    await using link = await openLink(embedded.target, { port: redis.port });
    const buckets = new TokenBuckets({ redis: link, log: silentLogger });
    const heard: string[] = [];
    const late: string[] = [];
    link.subscribe('news', (message) => heard.push(message));
    let going = true;
    let calls = 0;
    const load = Array.from({ length: 10 }, async () => {
      while (going) {
        expect(await link.run((client) => client.ping())).toBe('PONG');
        expect((await buckets.take({ key: newId(), ...BUCKET })).source).toBe('redis');
        calls += 1;
      }
    });
    await until(() => calls > 100);
    const moved = link.retarget(REAL);
    link.subscribe('late', (message) => late.push(message));
    await moved;
    const before = calls;
    await until(() => calls > before + 100);
    going = false;
    await Promise.all(load);
    expect(link.target).toEqual(REAL);
    expect(link.endpoint).toBe(`127.0.0.1:${redis.port}`);
    expect(await redis.control.keys('ao:limit:*')).not.toBeEmpty();
    await until(async () => {
      await redis.control.publish('ao:news', 'from real');
      await redis.control.publish('ao:late', 'from real');
      return heard.includes('from real') && late.includes('from real');
    });
  });

  test('a move to where it already is changes nothing', async () => {
    await using embedded = await embeddedBackend();
    await using link = await openLink(embedded.target);
    await link.run((client) => client.set('here', '1', 'PX', 10_000));
    await link.retarget({ ...embedded.target, fallback: true });
    expect(link.target.fallback).toBe(true);
    expect(await link.run((client) => client.get('here'))).toBe('1');
  });
});

/** A way to Redis that can fall silent for the connections it has, as a firewall that forgets them. */
function deafProxy(target: number) {
  type Side = { other: Bun.Socket<Side> | null; early: Buffer[]; deaf: () => boolean };
  let generation = 0;
  const listener = Bun.listen<Side>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      async open(client) {
        const born = generation;
        const deaf = () => generation !== born;
        client.data = { other: null, early: [], deaf };
        const server = await Bun.connect<Side>({
          hostname: '127.0.0.1',
          port: target,
          data: { other: client, early: [], deaf },
          socket: {
            data: (own, chunk) => void (own.data.deaf() || own.data.other?.write(chunk)),
            close: (own) => void (own.data.deaf() || own.data.other?.end()),
          },
        });
        client.data.other = server;
        for (const chunk of client.data.early) server.write(chunk);
      },
      data(client, chunk) {
        if (client.data.deaf()) return;
        if (client.data.other) client.data.other.write(chunk);
        else client.data.early.push(Buffer.from(chunk));
      },
      close: (client) => void client.data.other?.end(),
    },
  });
  return {
    port: listener.port,
    goDeaf: () => {
      generation += 1;
    },
    [Symbol.asyncDispose]: async () => void listener.stop(true),
  };
}
