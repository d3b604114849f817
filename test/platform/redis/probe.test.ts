/** What a look at Redis says, in words for an operator. */
import { describe, expect, test } from 'bun:test';
import { describeWithRedis, freeRedisPort, startRedis } from '@test/support/redis.ts';
import { probeRedis } from '@/platform/redis/probe.ts';
import { redisConfig } from './setup.ts';

const probe = (over: Parameters<typeof redisConfig>[0]) =>
  probeRedis(redisConfig({ connect_timeout_ms: 300, ...over }));

describe('a look at a Redis that is not there', () => {
  test('names host, port and cause of a refusal', async () => {
    const port = freeRedisPort();
    expect(await probe({ port })).toEqual({
      ok: false,
      cause: `127.0.0.1:${port}: connection refused (ECONNREFUSED)`,
    });
    expect(await probe({ host: 'localhost', port })).toEqual({
      ok: false,
      cause: `localhost:${port}: connection refused (ECONNREFUSED)`,
    });
  });

  test('says that a host name is unknown', async () => {
    const { ok, cause } = {
      cause: '',
      ...(await probe({ host: 'no-such-host.invalid', connect_timeout_ms: 3000 })),
    };
    expect(ok).toBe(false);
    expect(cause).toMatch(/^no-such-host\.invalid:6379: (host not found|host name cannot be looked up)/);
  });

  test('does not wait longer than connect_timeout_ms for one that keeps silent', async () => {
    using listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
    const started = performance.now();
    expect(await probe({ port: listener.port })).toEqual({
      ok: false,
      cause: `127.0.0.1:${listener.port}: no answer within 300 ms`,
    });
    expect(performance.now() - started).toBeLessThan(1500);
  });

  test('is not fooled by something else on the port', async () => {
    using server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('hello') });
    const { ok, cause } = { cause: '', ...(await probe({ port: server.port ?? 0 })) };
    expect(ok).toBe(false);
    expect(cause).toStartWith(`127.0.0.1:${server.port}: `);
  });

  test('names sentinels and cluster nodes', async () => {
    const [one, two] = [freeRedisPort(), freeRedisPort()];
    const nodes = [
      { host: '127.0.0.1', port: one },
      { host: '127.0.0.1', port: two },
    ];
    const sentinels = { cause: '', ...(await probe({ sentinels: nodes })) };
    expect(sentinels.cause).toStartWith(`mymaster of sentinels 127.0.0.1:${one}, 127.0.0.1:${two}: `);
    expect(sentinels.cause).toContain('ECONNREFUSED');
    const cluster = { cause: '', ...(await probe({ cluster_nodes: nodes })) };
    expect(cluster.cause).toStartWith(`cluster 127.0.0.1:${one}, 127.0.0.1:${two}: `);
    expect(cluster.cause).toContain('ECONNREFUSED');
  });

  test('names the file of the authority that cannot be read', async () => {
    const { cause } = { cause: '', ...(await probe({ tls: true, tls_ca_file: '/no/such/ca.pem' })) };
    expect(cause).toContain('/no/such/ca.pem');
  });
});

describeWithRedis('a look at a Redis that is there', () => {
  test('finds it', async () => {
    await using redis = await startRedis();
    expect(await probe({ port: redis.port })).toEqual({ ok: true });
  });

  test('tells a missing from a wrong password, and never shows one', async () => {
    await using redis = await startRedis({
      args: ['--requirepass', 'sesame'],
      connect: { password: 'sesame' },
    });
    expect(await probe({ port: redis.port, password: 'sesame' })).toEqual({ ok: true });
    const missing = { cause: '', ...(await probe({ port: redis.port })) };
    expect(missing.cause).toContain('NOAUTH');
    const wrong = { cause: '', ...(await probe({ port: redis.port, password: 'open-wheat' })) };
    expect(wrong.cause).toContain('WRONGPASS');
    expect(wrong.cause).not.toContain('open-wheat');
  });

  test('says that a replica takes no writes', async () => {
    await using master = await startRedis();
    await using replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    const { ok, cause } = { cause: '', ...(await probe({ port: replica.port })) };
    expect(ok).toBe(false);
    expect(cause).toStartWith(`127.0.0.1:${replica.port}: READONLY`);
  });

  test('says that one whose memory is full takes no writes', async () => {
    await using redis = await startRedis({ args: ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'] });
    const { ok, cause } = { cause: '', ...(await probe({ port: redis.port })) };
    expect(ok).toBe(false);
    expect(cause).toContain('OOM');
  });

  test('says that a frozen one does not answer', async () => {
    await using redis = await startRedis();
    redis.freeze();
    expect(await probe({ port: redis.port })).toEqual({
      ok: false,
      cause: `127.0.0.1:${redis.port}: no answer within 300 ms`,
    });
    redis.thaw();
  });
});
