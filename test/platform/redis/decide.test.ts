/** The table of the design: configuration × what was found. */
import { describe, expect, test } from 'bun:test';
import type { RedisTarget } from '@/platform/ipc/messages.ts';
import { decideRedis } from '@/platform/redis/decide.ts';
import { redisConfig } from './setup.ts';

const SOCKET = '/data/run/redis.sock';
const found = { ok: true } as const;
const absent = { ok: false, cause: 'localhost:6379: connection refused (ECONNREFUSED)' } as const;
const embedded: RedisTarget = { mode: 'embedded', socketPath: SOCKET, fallback: false };
const real: RedisTarget = { mode: 'real', socketPath: '', fallback: false };

describe('which Redis a server begins with', () => {
  test('use_fake_redis takes the embedded one, whatever is there', () => {
    for (const probe of [found, absent]) {
      expect(decideRedis(redisConfig({ use_fake_redis: true }), probe, SOCKET)).toEqual({ target: embedded });
    }
  });

  test('a Redis that answers is used', () => {
    for (const required of [true, false]) {
      for (const allow_fallback of [true, false]) {
        expect(decideRedis(redisConfig({ required, allow_fallback }), found, SOCKET)).toEqual({
          target: real,
        });
      }
    }
  });

  test('the fallback is announced in exactly these words', () => {
    expect(decideRedis(redisConfig(), absent, SOCKET)).toEqual({
      target: { ...embedded, fallback: true },
      warning:
        'Redis unavailable, using embedded fallback: localhost:6379: connection refused (ECONNREFUSED)',
    });
  });

  test.each([
    [{ required: true, allow_fallback: true }, 'redis.required is true'],
    [{ required: true, allow_fallback: false }, 'redis.required is true'],
    [{ required: false, allow_fallback: false }, 'redis.allow_fallback is false'],
  ])('%o refuses and names host, port and cause', (config, reason) => {
    expect(decideRedis(redisConfig(config), absent, SOCKET)).toEqual({
      refusal: `Redis is not available at localhost:6379: connection refused (ECONNREFUSED) (${reason})`,
    });
  });
});
