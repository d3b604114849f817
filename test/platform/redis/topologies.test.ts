/** Redis in other shapes: with password, user, database number and TLS, behind sentinels, as a cluster. */
import { expect, spyOn, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithRedis, freeRedisPort, startRedis } from '@test/support/redis.ts';
import { until } from '@test/support/wait.ts';
import { TokenBuckets } from '@/platform/limits/buckets.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { probeRedis } from '@/platform/redis/probe.ts';
import { openLink, REAL, redisConfig } from './setup.ts';

const BUCKET = { capacity: 100, windowSeconds: 86_400 };

/** A certificate for localhost that has signed itself, and so is its own authority. */
async function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'ao-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const child = Bun.spawn(
    [
      ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=DNS:localhost'],
    ],
    { stdout: 'ignore', stderr: 'ignore' },
  );
  if ((await child.exited) !== 0) throw new Error('openssl could not make a certificate');
  return { key, cert, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

describeWithRedis('a Redis with user, password and database number', () => {
  test('is used as configured', async () => {
    const connect = { username: 'keeper', password: 'sesame' };
    await using redis = await startRedis({
      args: '--user keeper on >sesame ~* &* +@all --user default off'.split(' '),
      connect,
    });
    const config = { port: redis.port, ...connect, db: 3, key_prefix: 'desk:' };
    expect(await probeRedis(redisConfig(config))).toEqual({ ok: true });
    await using link = await openLink(REAL, config);
    const buckets = new TokenBuckets({ redis: link, log: silentLogger });
    expect(await buckets.take({ key: 'k', ...BUCKET })).toMatchObject({ source: 'redis', remaining: 99 });
    const heard: string[] = [];
    link.subscribe('news', (message) => heard.push(message));
    await until(() => {
      link.publish('news', 'x');
      return heard.length > 0;
    });
    await redis.control.select(3);
    expect(await redis.control.exists('desk:limit:k')).toBe(1);
    expect(await redis.control.pubsub('CHANNELS')).toEqual(['desk:news']);
  });
});

describeWithRedis('a Redis with TLS and a password', () => {
  test('is used when its certificate is good, and refused with the cause when it is not', async () => {
    using tls = await certificate();
    const port = freeRedisPort();
    await using _ = await startRedis({
      port,
      args: [
        ...['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', '--requirepass', 'sesame'],
        ...['--tls-cert-file', tls.cert, '--tls-key-file', tls.key, '--tls-ca-cert-file', tls.cert],
      ],
      connect: { password: 'sesame', tls: { rejectUnauthorized: false } },
    });
    const config = { host: 'localhost', port, password: 'sesame', tls: true, tls_ca_file: tls.cert };
    expect(await probeRedis(redisConfig(config))).toEqual({ ok: true });
    await using link = await openLink(REAL, config);
    expect(await link.run((client) => client.set('secured', '1', 'PX', 1000))).toBe('OK');

    const stranger = await probeRedis(redisConfig({ ...config, tls_ca_file: null }));
    expect(stranger.ok).toBe(false);
    expect('cause' in stranger && stranger.cause).toMatch(/^localhost:\d+: .*(self.signed|certificate)/i);
    expect(await probeRedis(redisConfig({ ...config, tls_ca_file: null, tls_verify: false }))).toEqual({
      ok: true,
    });
    const plain = await probeRedis(redisConfig({ ...config, tls: false }));
    expect(plain.ok).toBe(false);
  });
});

describeWithRedis('a master behind sentinels', () => {
  test('is found, lost, and found again where it has failed over to', async () => {
    await using master = await startRedis();
    await using replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    await using sentinel = await startRedis({
      sentinel: [
        `sentinel monitor desk 127.0.0.1 ${master.port} 1`,
        'sentinel down-after-milliseconds desk 300',
        'sentinel failover-timeout desk 2000',
      ].join('\n'),
    });
    const sentinels = [{ host: '127.0.0.1', port: sentinel.port }];
    const config = { sentinels, sentinel_name: 'desk' };
    expect(await probeRedis(redisConfig(config))).toEqual({ ok: true });
    const unknown = await probeRedis(redisConfig({ ...config, sentinel_name: 'nobody' }));
    expect(unknown).toEqual({
      ok: false,
      cause: `nobody of sentinels 127.0.0.1:${sentinel.port}: the sentinels know no master of that name`,
    });

    await using link = await openLink(REAL, config);
    const buckets = new TokenBuckets({ redis: link, log: silentLogger });
    const heard: string[] = [];
    link.subscribe('news', (message) => heard.push(message));
    expect(await buckets.take({ key: 'k', ...BUCKET })).toMatchObject({ source: 'redis', remaining: 99 });
    // Sentinel learns of replicas from the master, and must know this one before the master may die.
    await until(async () => (await replica.control.info('replication')).includes('master_link_status:up'));
    await until(
      async () => {
        const known = await sentinel.control.call('SENTINEL', 'replicas', 'desk');
        return Array.isArray(known) && known.length === 1;
      },
      { timeoutMs: 15_000, intervalMs: 100 },
    );
    await master.kill();
    await until(() => link.state === 'lost');
    expect(await buckets.take({ key: 'k', ...BUCKET })).toMatchObject({ allowed: true, source: 'local' });
    await until(() => link.state === 'ready', { timeoutMs: 30_000 });
    // The replica has the bucket, and it takes writes: it is the master now.
    expect(await buckets.take({ key: 'k', ...BUCKET })).toMatchObject({ source: 'redis', remaining: 98 });
    await until(() => {
      link.publish('news', 'from the new master');
      return heard.includes('from the new master');
    });
  }, 60_000);
});

describeWithRedis('a cluster', () => {
  test('spreads buckets over its nodes, carries messages, and is lost and ready as a whole', async () => {
    await using nodes = await startCluster();
    const config = { cluster_nodes: nodes.addresses.slice(0, 1) };
    expect(await probeRedis(redisConfig(config))).toEqual({ ok: true });
    await using link = await openLink(REAL, config);
    await using other = await openLink(REAL, { cluster_nodes: nodes.addresses.slice(2) });
    expect([link.state, link.spansKeys]).toEqual(['ready', false]);
    const workers = [link, other].map((redis) => new TokenBuckets({ redis, log: silentLogger }));

    const takes = await Promise.all(
      Array.from({ length: 900 }, (_, index) =>
        workers[index % 2]?.take({ key: `k${index % 30}`, capacity: 10, windowSeconds: 86_400 }),
      ),
    );
    expect(takes.filter((taken) => taken?.allowed)).toHaveLength(300);
    expect(new Set(takes.map((taken) => taken?.source))).toEqual(new Set(['redis']));
    for (const node of nodes.all) expect(await node.control.dbsize()).toBeGreaterThan(0);

    const heard: string[] = [];
    other.subscribe('news', (message) => heard.push(message));
    await until(() => {
      link.publish('news', 'x');
      return heard.length > 0;
    });

    nodes.all[1]?.freeze();
    await until(() => link.state === 'lost');
    expect(await workers[0]?.take({ key: 'k1', ...BUCKET })).toMatchObject({
      allowed: true,
      source: 'local',
    });
    nodes.all[1]?.thaw();
    await until(() => link.state === 'ready');
    const sources = await Promise.all(
      Array.from(
        { length: 30 },
        async (_, index) => (await workers[0]?.take({ key: `k${index}`, ...BUCKET }))?.source,
      ),
    );
    expect(new Set(sources)).toEqual(new Set(['redis']));
  }, 60_000);

  test('is lost when any one of its nodes hangs, while nobody calls', async () => {
    await using nodes = await startCluster();
    await using link = await openLink(REAL, { cluster_nodes: nodes.addresses });
    // ioredis sends a command without a key to a node that it draws: here always to the same one.
    using _ = spyOn(Math, 'random').mockReturnValue(0);
    for (const node of nodes.all) {
      node.freeze();
      await until(() => link.state === 'lost');
      node.thaw();
      await until(() => link.state === 'ready');
    }
  }, 60_000);

  test('that is none is named so', async () => {
    await using single = await startRedis();
    const cluster_nodes = [{ host: '127.0.0.1', port: single.port }];
    expect(await probeRedis(redisConfig({ cluster_nodes }))).toEqual({
      ok: false,
      cause: `cluster 127.0.0.1:${single.port}: ERR This instance has cluster support disabled`,
    });
  });
});

/** Three masters that share the slots. */
async function startCluster() {
  const all = await Promise.all(
    Array.from({ length: 3 }, () => startRedis({ args: ['--cluster-enabled', 'yes'] })),
  );
  const addresses = all.map(({ port }) => ({ host: '127.0.0.1', port }));
  const command = ['redis-cli', '--cluster', 'create', ...addresses.map(({ port }) => `127.0.0.1:${port}`)];
  const child = Bun.spawn([...command, '--cluster-yes'], { stdout: 'ignore', stderr: 'ignore' });
  if ((await child.exited) !== 0) throw new Error('redis-cli could not make a cluster');
  await until(async () => {
    const infos = await Promise.all(all.map(({ control }) => control.cluster('INFO')));
    return infos.every((info) => info.includes('cluster_state:ok'));
  });
  return {
    all,
    addresses,
    async [Symbol.asyncDispose]() {
      for (const node of all) await node[Symbol.asyncDispose]();
    },
  };
}
