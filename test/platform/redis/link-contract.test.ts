/** What every link promises, over the embedded Redis and a real one alike. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { describeWithRedis } from '@test/support/redis.ts';
import { until } from '@test/support/wait.ts';
import { newId } from '@/platform/time/clock.ts';
import { type Backend, embeddedBackend, openLink, realBackend } from './setup.ts';

function contract(open: () => Promise<Backend>): void {
  let backend: Backend;
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend[Symbol.asyncDispose]());
  const link = () => openLink(backend.target, backend.config);

  test('is ready once it is open', async () => {
    await using redis = await link();
    expect(redis.state).toBe('ready');
    expect(await redis.run((client) => client.ping())).toBe('PONG');
  });

  test('two workers see the same data, under the configured prefix', async () => {
    await using one = await link();
    await using other = await link();
    await one.run((client) => client.set('shared', 'ä value\r\nof lines', 'PX', 60_000));
    expect(await other.run((client) => client.get('shared'))).toBe('ä value\r\nof lines');
    expect(await other.run((client) => client.keys('ao:shared'))).toEqual(['ao:shared']);
    expect(await other.run((client) => client.pttl('shared'))).toBeGreaterThan(50_000);
  });

  test('a key ends when its time is over', async () => {
    await using redis = await link();
    await redis.run((client) => client.set('brief', '1', 'PX', 20));
    await until(async () => (await redis.run((client) => client.exists('brief'))) === 0);
  });

  test('many calls at once each get their own answer', async () => {
    await using redis = await link();
    const names = Array.from({ length: 500 }, (_, index) => `many:${index}`);
    await Promise.all(names.map((name) => redis.run((client) => client.set(name, name, 'PX', 60_000))));
    expect(await Promise.all(names.map((name) => redis.run((client) => client.get(name))))).toEqual(names);
  });

  test('hashes, sets, sorted sets and counters answer as Redis does', async () => {
    await using redis = await link();
    const replies = await redis.run(async (client) => [
      await client.del('h', 's', 'z', 'n'),
      await client.hset('h', 'a', '1', 'b', '2'),
      await client.hgetall('h'),
      await client.hget('h', 'missing'),
      await client.sadd('s', 'x', 'y'),
      (await client.smembers('s')).sort(),
      await client.zadd('z', 2, 'late', 1, 'early'),
      await client.zrange('z', 0, -1, 'WITHSCORES'),
      await client.incrby('n', 5),
      await client.ttl('n'),
      await client.type('h'),
    ]);
    expect(replies).toEqual([
      expect.any(Number),
      2,
      { a: '1', b: '2' },
      null,
      2,
      ['x', 'y'],
      2,
      ['early', '1', 'late', '2'],
      5,
      -1,
      'hash',
    ]);
  });

  test('a transaction is carried out as one', async () => {
    await using redis = await link();
    await redis.run((client) => client.del('t'));
    const replies = await redis.run((client) => client.multi().incr('t').incr('t').get('t').exec());
    expect(replies).toEqual([
      [null, 1],
      [null, 2],
      [null, '2'],
    ]);
  });

  test('a mistaken command fails alone; the link stays ready', async () => {
    await using redis = await link();
    await expect(redis.run((client) => client.call('NOSUCHTHING'))).rejects.toThrow(/unknown command/);
    await expect(redis.run(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    expect(redis.state).toBe('ready');
    expect(await redis.run((client) => client.ping())).toBe('PONG');
  });

  test('messages reach the listeners of a channel in every worker, and no others', async () => {
    await using one = await link();
    await using other = await link();
    const channel = newId();
    const heard: string[] = [];
    const otherHeard: string[] = [];
    const wrong: string[] = [];
    one.subscribe(channel, (message) => heard.push(message));
    other.subscribe(channel, (message) => otherHeard.push(message));
    other.subscribe(`${channel}:else`, (message) => wrong.push(message));
    await until(() => {
      one.publish(channel, 'hello');
      return heard.length > 0 && otherHeard.length > 0;
    });
    expect(new Set([...heard, ...otherHeard])).toEqual(new Set(['hello']));
    expect(wrong).toEqual([]);
  });

  test('a listener that has stopped hears no more, others still do', async () => {
    await using redis = await link();
    const channel = newId();
    const stopped: string[] = [];
    const heard: string[] = [];
    const stop = redis.subscribe(channel, (message) => stopped.push(message));
    redis.subscribe(channel, (message) => heard.push(message));
    stop();
    await until(() => {
      redis.publish(channel, 'x');
      return heard.length > 2;
    });
    expect(stopped).toEqual([]);
  });

  test('a listener that throws harms neither the link nor other listeners', async () => {
    await using redis = await link();
    const channel = newId();
    const heard: string[] = [];
    redis.subscribe(channel, () => {
      throw new Error('bad listener');
    });
    redis.subscribe(channel, (message) => heard.push(message));
    await until(() => {
      redis.publish(channel, 'x');
      return heard.length > 0;
    });
    expect(redis.state).toBe('ready');
  });

  test('a closed link refuses calls', async () => {
    const redis = await link();
    await redis.close();
    expect(redis.state).toBe('lost');
    await expect(redis.run((client) => client.ping())).rejects.toThrow(/is lost: closed/);
  });
}

describe('a link to the embedded Redis', () => contract(embeddedBackend));
describeWithRedis('a link to a real Redis', () => contract(realBackend));
