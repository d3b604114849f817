/** The embedded Redis as a server: what a stranger's client may do to it, and what it keeps. */

import { describe, expect, test } from 'bun:test';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { temporaryFolder } from '@test/support/folder.ts';
import { until } from '@test/support/wait.ts';
import { Redis } from 'ioredis';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { takeTokensScript } from '@/platform/limits/take_tokens.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { Keyspace } from '@/platform/redis/embedded/keyspace.ts';
import { startEmbeddedRedis } from '@/platform/redis/embedded/server.ts';

async function open() {
  const folder = temporaryFolder();
  const path = folder.paths.redisSocket;
  const server = await startEmbeddedRedis({
    scripts: [takeTokensScript],
    socketPath: path,
    log: silentLogger,
  });
  const client = new Redis({ path, disableClientInfo: true });
  return {
    path,
    client,
    /** Sends bytes as they are and returns what comes back until `enough`. */
    async raw(text: string, enough: (answer: string) => boolean): Promise<string> {
      let answer = '';
      let closed = false;
      const socket = await Bun.connect({
        unix: path,
        socket: {
          data: (_, chunk) => {
            answer += chunk.toString();
          },
          close: () => {
            closed = true;
          },
        },
      });
      socket.write(text);
      await until(() => enough(answer) || closed);
      socket.end();
      return answer;
    },
    async [Symbol.asyncDispose]() {
      client.disconnect();
      await server.close();
      folder.remove();
    },
  };
}

const request = (...parts: string[]): string =>
  `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;

describe('the socket', () => {
  test('is open to this user alone, and gone afterwards', async () => {
    let path = '';
    {
      await using redis = await open();
      ({ path } = redis);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    expect(existsSync(path)).toBe(false);
  });

  test('replaces one that a dead server left behind', async () => {
    await using folder = temporaryFolder();
    writeFileSync(folder.paths.redisSocket, '');
    const server = await startEmbeddedRedis({
      scripts: [takeTokensScript],
      socketPath: folder.paths.redisSocket,
      log: silentLogger,
    });
    await server.close();
  });

  test('with too long a name is refused in words', async () => {
    const started = startEmbeddedRedis({
      scripts: [takeTokensScript],
      socketPath: `/tmp/${'x'.repeat(200)}/redis.sock`,
      log: silentLogger,
    });
    await expect(started).rejects.toThrow(CommandFailure);
  });
});

describe('requests', () => {
  test('replies come in the order of the requests, however they arrive', async () => {
    await using redis = await open();
    const text =
      request('SET', 'a', '1') +
      request('GET', 'a') +
      request('PING') +
      request('NOPE') +
      request('INCR', 'a');
    const expected = "+OK\r\n$1\r\n1\r\n+PONG\r\n-ERR unknown command 'nope'\r\n:2\r\n";
    expect(await redis.raw(text, (answer) => answer.length >= expected.length)).toBe(expected);
  });

  test('what is no Redis request ends that connection only', async () => {
    await using redis = await open();
    await redis.raw('GET / HTTP/1.1\r\n\r\n', () => false);
    await redis.raw(request('PING').slice(0, 7), () => true);
    await redis.raw('*1\r\n:5\r\n', (answer) => answer.includes('Protocol error'));
    expect(await redis.client.ping()).toBe('PONG');
  });

  test('a reply larger than the socket takes at once arrives whole', async () => {
    await using redis = await open();
    const large = 'ä'.repeat(3_000_000);
    await redis.client.set('large', large);
    const copies = await Promise.all([1, 2, 3].map(() => redis.client.get('large')));
    expect(copies.every((copy) => copy === large)).toBe(true);
  });

  test('commands about the connection and the server are answered', async () => {
    await using redis = await open();
    const { client } = redis;
    expect(await client.info()).toContain('redis_mode:standalone');
    expect(await client.client('SETNAME', 'desk')).toBe('OK');
    expect(await client.client('GETNAME')).toBe('desk');
    expect(await client.client('ID')).toBeGreaterThan(0);
    expect(await client.echo('hello')).toBe('hello');
    expect(await client.call('HELLO')).toContain('proto');
    await expect(client.call('HELLO', '3')).rejects.toThrow('NOPROTO');
    await expect(client.select(1)).rejects.toThrow('out of range');
    const [seconds] = await client.time();
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(2);
  });

  test('names of what is not a command are refused, whatever they mean to JavaScript', async () => {
    await using redis = await open();
    const names = 'constructor __proto__ toString disconnect duplicate emit data call subscribeBuffer'.split(
      ' ',
    );
    const answer = await redis.raw(
      names.map((name) => request(name)).join(''),
      (text) => text.split('\n').length > 9,
    );
    expect(answer).toBe(names.map((name) => `-ERR unknown command '${name.toLowerCase()}'\r\n`).join(''));
    await expect(redis.client.call('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')).rejects.toThrow(
      /ERR/,
    );
    expect(await redis.client.ping()).toBe('PONG');
  });

  test('a transaction with a bad command is thrown away as a whole', async () => {
    await using redis = await open();
    const text = request('MULTI') + request('SET', 'm', '1') + request('NOPE') + request('EXEC');
    expect(await redis.raw(text, (answer) => answer.includes('EXECABORT'))).toContain('-EXECABORT');
    expect(await redis.client.get('m')).toBeNull();
  });
});

describe('scripts', () => {
  test('of ours are known from the start, by name and by text', async () => {
    await using redis = await open();
    const { client } = redis;
    const args = ['bucket', 10, 1000, 1, 1] as const;
    expect(await client.script('EXISTS', takeTokensScript.sha)).toEqual([1]);
    expect(await client.evalsha(takeTokensScript.sha, 1, ...args)).toEqual([1, 9, 0, 100]);
    expect(await client.eval(takeTokensScript.lua, 1, ...args)).toEqual([1, 8, 0, expect.any(Number)]);
    expect(await client.script('LOAD', takeTokensScript.lua)).toBe(takeTokensScript.sha);
  });

  test('of others are carried out, or refused as unknown', async () => {
    await using redis = await open();
    const lua = 'return {redis.call("INCR", KEYS[1]), ARGV[1]}';
    expect(await redis.client.eval(lua, 1, 'n', 'x')).toEqual([1, 'x']);
    await expect(redis.client.evalsha('f'.repeat(40), 0)).rejects.toThrow('NOSCRIPT');
    await expect(redis.client.eval('return 1', 5, 'only-one')).rejects.toThrow('ERR');
  });
});

describe('what it keeps', () => {
  test('is forgotten by FLUSHALL, buckets included', async () => {
    await using redis = await open();
    await redis.client.evalsha(takeTokensScript.sha, 1, 'bucket', 10, 1000, 1, 10);
    await redis.client.set('x', '1');
    expect(await redis.client.flushall()).toBe('OK');
    expect(await redis.client.dbsize()).toBe(0);
  });

  test('is its own: a second one in this process sees nothing of it', async () => {
    await using one = await open();
    await using other = await open();
    await one.client.set('mine', '1');
    expect(await other.client.get('mine')).toBeNull();
  });

  test('keys whose time is over leave the memory though nobody asks for them', async () => {
    const keyspace = await Keyspace.open();
    for (let index = 0; index < 5000; index++) keyspace.set(`seen once ${index}`, 'x', 30);
    keyspace.set('lasting', 'x', 60_000);
    expect(keyspace.mortals).toBe(5001);
    await until(() => keyspace.mortals === 1);
    expect(keyspace.get('lasting')).toBe('x');
    keyspace.close();
  });
});
