/** Redis, flexible: whatever happens to it, log-ins, limits and reads keep working. */
import { describe, expect, test } from 'bun:test';
import { describeWithRedis, type PrivateRedis, startRedis } from '@test/support/redis.ts';
import { ADMIN_PASSWORD, type RunningServer, startServer } from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';

const at = (redis: { port: number }, more: Record<string, unknown> = {}) => ({
  redis: { host: '127.0.0.1', port: redis.port, use_fake_redis: false, command_timeout_ms: 200, ...more },
});

const health = async (server: RunningServer) =>
  (await server.request('GET', '/health')).json<{ status: string; reasons?: string[] }>();
const mode = async (server: RunningServer) =>
  (await server.request('GET', '/api/status')).json<{ redis_mode: string }>().redis_mode;

/** What a user does, on connections of their own so that all workers take part. Returns the statuses that came. */
async function day(server: RunningServer, token: string): Promise<number[]> {
  const headers = { connection: 'close' };
  const answers = await Promise.all([
    ...Array.from({ length: 8 }, () => server.request('GET', '/api/auth/me', { token, headers })),
    ...Array.from({ length: 4 }, () => server.request('GET', '/api/leads', { token, headers })),
    server.request('POST', '/api/leads', { token, headers, body: { email: 'a@example.com' } }),
    server.request('POST', '/api/auth/login', {
      headers,
      body: { username: 'admin', password: ADMIN_PASSWORD },
    }),
  ]);
  return answers.map(({ status }) => status);
}

const good = (statuses: readonly number[]) => expect(statuses.filter((status) => status >= 300)).toEqual([]);

describeWithRedis('with a real Redis', () => {
  test('it is used when it is there, and FLUSHALL at any moment disturbs nobody', async () => {
    await using redis = await startRedis();
    await using server = await startServer({ config: at(redis) });
    expect(await mode(server)).toBe('real');
    const token = await server.adminToken();
    const flushing = (async () => {
      for (let time = 0; time < 20; time += 1) await redis.control.flushall();
    })();
    for (let round = 0; round < 3; round += 1) good(await day(server, token));
    await flushing;
    expect((await health(server)).status).toBe('healthy');
  }, 30_000);

  test('a limit is exact over four workers', async () => {
    await using redis = await startRedis();
    await using server = await startServer({
      config: { ...at(redis), rate_limit: { max_requests: 50, window_seconds: 3600 } },
    });
    const { token } = await server.userToken('viewer', 'limited');
    const answers = await Promise.all(
      Array.from({ length: 120 }, () =>
        server.request('GET', '/api/auth/me', { token, headers: { connection: 'close' } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(50);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(70);
  }, 30_000);

  test('one that does not answer for seconds (DEBUG SLEEP) fails no request, and heals', async () => {
    await using redis = await startRedis();
    await using server = await startServer({ config: at(redis) });
    const token = await server.adminToken();
    good(await day(server, token));
    const asleep = redis.control.call('DEBUG', 'SLEEP', '3');
    good(await day(server, token));
    await until(async () => (await health(server)).status === 'degraded');
    good(await day(server, token));
    await asleep;
    await until(async () => (await health(server)).status === 'healthy');
    good(await day(server, token));
  }, 40_000);

  test('one that is killed fails no request; health says so until it is back', async () => {
    await using redis = await startRedis();
    await using server = await startServer({ config: at(redis) });
    const token = await server.adminToken();
    await redis.kill();
    good(await day(server, token));
    const sick = await until(async () => {
      const answer = await health(server);
      return answer.status === 'degraded' ? answer : null;
    });
    expect(sick.reasons?.join()).toContain(`127.0.0.1:${redis.port}`);
    good(await day(server, token));
    const back: PrivateRedis = await redis.again();
    try {
      await until(async () => (await health(server)).status === 'healthy');
      good(await day(server, token));
    } finally {
      await back[Symbol.asyncDispose]();
    }
  }, 40_000);

  test('a server that started on the fallback moves over when Redis appears, without a restart', async () => {
    const first = await startRedis();
    await first.kill();
    await using server = await startServer({ config: at(first) });
    const workers = server.workerPids();
    expect(await mode(server)).toBe('embedded');
    const token = await server.adminToken();
    const back = await first.again();
    try {
      await until(async () => (await mode(server)) === 'real');
      // A bucket that is full again leaves Redis at once: look right after a request has taken from it.
      await until(async () => {
        good(await day(server, token));
        return Number(await back.control.dbsize()) > 0;
      });
      expect(server.workerPids()).toEqual(workers);
    } finally {
      await back[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
    }
  }, 40_000);
});

describe('revocation without Redis', () => {
  test('log-out, deactivation and a new role reach every worker within a second', async () => {
    await using server = await startServer({ workers: 4 });
    const admin = await server.adminToken();
    const { id, token } = await server.userToken('operator', 'revoked');
    const everywhere = (
      ask: (answer: { status: number }) => boolean,
      probe: () => Promise<{ status: number }>,
    ) =>
      until(async () => (await Promise.all(Array.from({ length: 12 }, probe))).every(ask), {
        timeoutMs: 1_000,
      });
    const me = () => server.request('GET', '/api/auth/me', { token, headers: { connection: 'close' } });
    const write = () =>
      server.request('POST', '/api/leads', { token, headers: { connection: 'close' }, body: { phone: '1' } });
    await everywhere(({ status }) => status === 200, me);
    await server.request('PUT', `/api/users/${id}/role`, { token: admin, body: { role: 'viewer' } });
    await everywhere(({ status }) => status === 403, write);
    await server.request('POST', `/api/users/${id}/deactivate`, { token: admin });
    await everywhere(({ status }) => status === 401, me);
  }, 30_000);
});
