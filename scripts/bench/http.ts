/**
 * Requests a second and latency of the compiled binary, each beside bare Elysia on as many workers, in one run.
 *
 *   bun scripts/bench/http.ts [--seconds 5] [--connections 50] [--workers 4] [--access-log]
 *
 * Rate limits are on, with a capacity that is never reached; every request takes its token from Redis. Each target is
 * warmed up first, until the workers' code is compiled. Bare Elysia is measured at the beginning and at the end, and
 * ratios are to the mean of both. Real Redis is left out when redis-server is absent; at the end it is killed, which
 * shows what its round trip costs. Exits 1 when any request failed.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { startRedis } from '@test/support/redis.ts';
import { freePort, type RunningServer, startServer } from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';
import { type Figures, generator, measure, type Target } from './load.ts';

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '50' },
    workers: { type: 'string', default: '4' },
    'access-log': { type: 'boolean', default: false },
  },
});
const seconds = Number(flags.seconds);
const connections = Number(flags.connections);
const workers = Number(flags.workers);

const accessLog = flags['access-log'];
/** Four workers need some ten thousand requests each before they are as fast as they get. */
const WARM_UP_SECONDS = 3;

interface Row extends Figures {
  readonly name: string;
}

const run = async (name: string, target: Target): Promise<Row> => {
  await measure(target, WARM_UP_SECONDS, connections);
  return { name, ...(await measure(target, seconds, connections)) };
};

async function bare(kind: 'bun' | 'elysia'): Promise<Row> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}/`;
  const children = Array.from({ length: workers }, () =>
    Bun.spawn([process.execPath, `${import.meta.dir}/bare_server.ts`, kind, String(port)], {
      env: { ...Bun.env, NODE_ENV: 'production' },
    }),
  );
  try {
    await until(async () => (await fetch(url).catch(() => null))?.ok);
    return await run(kind === 'bun' ? 'bare Bun.serve' : 'bare Elysia', { url });
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

async function product(server: RunningServer, suffix: string): Promise<Row[]> {
  const token = await server.adminToken();
  const bearer = { authorization: `Bearer ${token}` };
  const made = await server.request('POST', '/api/auth/keys', { token, body: { name: 'bench' } });
  const apiKey = { 'x-api-key': made.json<{ api_key: string }>().api_key };
  for (let lead = 0; lead < 100; lead += 1) {
    await server.request('POST', '/api/leads', {
      token,
      body: { email: `lead${lead}@example.com`, company: 'Bench' },
    });
  }
  const body = JSON.stringify({
    first_name: 'Ada',
    last_name: 'Lovelace',
    email: 'ada@example.com',
    source: 'bench',
  });
  const targets: Record<string, Target> = {
    '/health': { url: `${server.url}/health` },
    '/api/auth/me, JWT': { url: `${server.url}/api/auth/me`, headers: bearer },
    '/api/auth/me, API key': { url: `${server.url}/api/auth/me`, headers: apiKey },
    'GET /api/leads?limit=20': { url: `${server.url}/api/leads?limit=20`, headers: bearer },
    'POST /api/leads': {
      url: `${server.url}/api/leads`,
      method: 'POST',
      headers: { ...bearer, 'content-type': 'application/json' },
      body,
    },
  };
  const rows: Row[] = [];
  for (const [name, target] of Object.entries(targets)) rows.push(await run(`${name} (${suffix})`, target));
  return rows;
}

const config = {
  rate_limit: { enabled: true, max_requests: 1_000_000_000, window_seconds: 1 },
  log: { requests: accessLog },
};
const rows: Row[] = [await bare('bun'), await bare('elysia')];
{
  await using server = await startServer({ workers, config });
  rows.push(...(await product(server, 'embedded Redis')));
}
if (Bun.which('redis-server')) {
  const redis = await startRedis();
  try {
    await using server = await startServer({
      workers,
      config: {
        ...config,
        redis: { host: '127.0.0.1', port: redis.port, use_fake_redis: false, allow_fallback: false },
      },
    });
    rows.push(...(await product(server, 'real Redis')));
    const headers = { authorization: `Bearer ${await server.adminToken()}` };
    await redis.kill();
    await until(async () => (await server.request('GET', '/health')).json().status === 'degraded');
    rows.push(await run('/api/auth/me, JWT (Redis lost)', { url: `${server.url}/api/auth/me`, headers }));
  } finally {
    await redis[Symbol.asyncDispose]();
  }
} else console.log('redis-server is not installed: real Redis left out');

rows.push({ ...(await bare('elysia')), name: 'bare Elysia, again' });
const bases = rows.filter(({ name }) => name.startsWith('bare Elysia')).map(({ perSecond }) => perSecond);
const elysia = bases.reduce((sum, perSecond) => sum + perSecond, 0) / bases.length;
console.log(
  `${workers} workers, ${connections} connections, ${seconds} s each after ${WARM_UP_SECONDS} s of warm-up, ` +
    `${availableParallelism()} CPUs shared with ${generator}; on: credentials, rate limit through Redis, metrics, ` +
    `checks of answers, synchronous=FULL; access log ${accessLog ? 'on' : 'off'}`,
);
console.table(
  rows.map(({ name, perSecond, p50Ms, p99Ms, failures }) => ({
    what: name,
    'req/s': Math.round(perSecond),
    'p50 ms': +p50Ms.toFixed(2),
    'p99 ms': +p99Ms.toFixed(2),
    failures,
    'of bare Elysia': +(perSecond / elysia).toFixed(3),
  })),
);
process.exitCode = rows.some(({ failures }) => failures > 0) ? 1 : 0;
