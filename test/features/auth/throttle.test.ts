import { expect, test } from 'bun:test';
import { LoginThrottle } from '@/features/auth/throttle.ts';
import { TooManyRequests } from '@/platform/errors/problem.ts';
import { RedisLost } from '@/platform/redis/lost.ts';
import { configWith, countingBuckets, rememberingRedis } from './fixtures.ts';

const config = configWith({
  login_attempts_per_user: 3,
  login_attempts_per_address: 5,
  login_window_seconds: 300,
});

const outcome = async (attempt: Promise<void>): Promise<string> => {
  try {
    await attempt;
    return 'ok';
  } catch (error) {
    if (!(error instanceof TooManyRequests)) throw error;
    return String(error.extensions['violated-policies']);
  }
};

test('limits attempts on one user name from any address', async () => {
  const throttle = new LoginThrottle({ buckets: countingBuckets(), redis: rememberingRedis(), config });
  const outcomes: string[] = [];
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']) {
    outcomes.push(await outcome(throttle.attempt('ada', address)));
  }
  expect(outcomes).toEqual(['ok', 'ok', 'ok', 'login-user']);
  expect(await outcome(throttle.attempt('grace', '192.0.2.5'))).toBe('ok');
});

test('limits attempts of one address on any user, without using up those of the user', async () => {
  const throttle = new LoginThrottle({ buckets: countingBuckets(), redis: rememberingRedis(), config });
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    expect(await outcome(throttle.attempt(name, '192.0.2.1'))).toBe('ok');
  for (let i = 0; i < 10; i += 1) {
    expect(await outcome(throttle.attempt('ada', '192.0.2.1'))).toBe('login-address');
  }
  expect(await outcome(throttle.attempt('ada', '192.0.2.9'))).toBe('ok');
});

test('leaves users their own attempts where they have logged in before, however busy strangers are', async () => {
  const throttle = new LoginThrottle({ buckets: countingBuckets(), redis: rememberingRedis(), config });
  await throttle.attempt('ada', '192.0.2.1');
  await throttle.succeeded('ada', '192.0.2.1');
  for (const address of ['198.51.100.1', '198.51.100.2']) await throttle.attempt('ada', address);
  expect(await outcome(throttle.attempt('ada', '198.51.100.3'))).toBe('login-user');
  for (let attempt = 0; attempt < 3; attempt += 1)
    expect(await outcome(throttle.attempt('ada', '192.0.2.1'))).toBe('ok');
  expect(await outcome(throttle.attempt('ada', '192.0.2.1'))).toBe('login-user');
});

test('knows nobody while Redis is lost', async () => {
  const redis = { run: () => Promise.reject(new RedisLost('somewhere', 'gone')) };
  const throttle = new LoginThrottle({ buckets: countingBuckets(), redis, config });
  await throttle.succeeded('ada', '192.0.2.1');
  for (let attempt = 0; attempt < 3; attempt += 1) await throttle.attempt('ada', '192.0.2.1');
  expect(await outcome(throttle.attempt('ada', '192.0.2.1'))).toBe('login-user');
});

test('takes the addresses of one IPv6 network for one', async () => {
  const throttle = new LoginThrottle({ buckets: countingBuckets(), redis: rememberingRedis(), config });
  for (let i = 1; i <= 5; i += 1) {
    expect(await outcome(throttle.attempt(`user${i}`, `2001:db8:1:2::${i}`))).toBe('ok');
  }
  expect(await outcome(throttle.attempt('ada', '2001:db8:1:2:ffff::1'))).toBe('login-address');
  expect(await outcome(throttle.attempt('ada', '2001:db8:1:3::1'))).toBe('ok');
});

test('says when to try again', async () => {
  const throttle = new LoginThrottle({ buckets: countingBuckets(2400), redis: rememberingRedis(), config });
  for (let i = 0; i < 3; i += 1) await throttle.attempt('ada', '192.0.2.1');
  try {
    await throttle.attempt('ada', '192.0.2.1');
    throw new Error('not limited');
  } catch (error) {
    expect((error as TooManyRequests).headers).toEqual({
      'retry-after': '3',
      'ratelimit-policy': '"login-user";q=3;w=300',
      ratelimit: '"login-user";r=0;t=3',
    });
  }
});

test('asks with capacity and window of the configuration, under keys that hold no name', async () => {
  const buckets = countingBuckets();
  await new LoginThrottle({ buckets, redis: rememberingRedis(), config }).attempt(
    'ada@example.com',
    '192.0.2.1',
  );
  expect(buckets.asked.map(({ capacity, windowSeconds }) => [capacity, windowSeconds])).toEqual([
    [5, 300],
    [3, 300],
  ]);
  expect(JSON.stringify(buckets.asked)).not.toContain('ada');
});
