import { afterAll, beforeAll, expect, test } from 'bun:test';
import { testConfig } from '@test/support/config.ts';
import { type Hardened, serveHardened } from '@test/support/hardened.ts';
import { requireServices } from '@test/support/services.ts';
import { until } from '@test/support/wait.ts';
import { Elysia } from 'elysia';
import { metricsRoutes } from '@/features/metrics/routes.ts';
import type { MetricsAnswer } from '@/features/metrics/schema.ts';
import { MetricsService } from '@/features/metrics/service.ts';
import { accessControl } from '@/platform/http/access.ts';
import { silentLogger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';

const FLEET = {
  startedAt: Date.now() - 5_000,
  workersWanted: 4,
  workersReady: 3,
  redis: { mode: 'embedded', socketPath: '/x', fallback: true },
} as const;

let queueDepth = async () => 12;
const live = { current: testConfig({ rate_limit: { max_requests: 77 } }) };

const routes = (metrics: Metrics) => {
  const metricsService = new MetricsService({
    log: silentLogger,
    metrics,
    config: live,
    fleet: () => FLEET,
    redis: { state: 'ready', target: FLEET.redis },
    queueDepth: () => queueDepth(),
    version: '1.2.3',
  });
  return new Elysia()
    .use(accessControl)
    .use(metricsRoutes({ metricsService, config: live }))
    .get('/fine', () => 'text', { access: 'public' })
    .get(
      '/bug',
      () => {
        throw new Error('bug');
      },
      { access: 'public' },
    );
};

let server: Hardened;
beforeAll(() => {
  server = serveHardened(routes);
});
afterAll(() => server.stop());

const figures = async (): Promise<MetricsAnswer> =>
  (await server.call('GET', '/metrics')).json() as Promise<MetricsAnswer>;
const scrape = (accept: string) => server.call('GET', '/metrics', { headers: { accept } });

test('the JSON has all figures, and they move', async () => {
  const before = await figures();
  expect(before).toEqual({
    timestamp: expect.any(String),
    metrics: {
      requests_total: expect.any(Number),
      requests_failed: 0,
      avg_latency_ms: expect.any(Number),
      max_latency_ms: expect.any(Number),
      uptime_seconds: expect.any(Number),
      queue_depth: 12,
    },
    rate_limit: { enabled: true, window_seconds: 60, max_requests: 77 },
  });
  expect(before.metrics.uptime_seconds).toBeGreaterThanOrEqual(5);
  for (let call = 0; call < 10; call += 1) await server.call('GET', '/fine');
  await server.call('GET', '/bug');
  await until(async () => (await figures()).metrics.requests_failed === 1);
  const after = await figures();
  expect(after.metrics.requests_total).toBeGreaterThanOrEqual(before.metrics.requests_total + 11);
  expect(after.metrics.max_latency_ms).toBeGreaterThanOrEqual(after.metrics.avg_latency_ms);
});

test('a database that is away costs the one figure that comes from it', async () => {
  const before = queueDepth;
  queueDepth = () => Promise.reject(new Error('away'));
  try {
    const { metrics } = await figures();
    expect(metrics.queue_depth).toBeNull();
    expect(metrics.requests_total).toBeGreaterThan(0);
  } finally {
    queueDepth = before;
  }
});

test('the exposition is there for whoever prefers it, in both formats', async () => {
  const text = await scrape('text/plain');
  expect(text.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const body = await text.text();
  expect(body).toContain('ao_build_info{version="1.2.3",');
  expect(body).toContain('ao_redis_mode{mode="fallback"} 1');
  expect(body).toContain('ao_workers{state="ready"} 3');
  expect(body).toContain('http_requests_total{method="GET",route="/fine",status="200"} ');
  const open = await scrape('application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
  expect(open.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(await open.text()).toEndWith('# EOF\n');
});

const promtool = Bun.which('promtool');

test.skipIf(!promtool && !requireServices)('promtool finds no fault with a scrape', async () => {
  const child = Bun.spawn([promtool ?? 'promtool', 'check', 'metrics'], {
    stdin: new Blob([await (await scrape('text/plain')).text()]),
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const said = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
  expect({ said, code: await child.exited }).toEqual({ said: '', code: 0 });
});

test('is not public when the configuration says so, from one moment to the next', async () => {
  live.current = testConfig({ monitoring: { public_metrics: false } });
  try {
    expect((await server.call('GET', '/metrics')).status).toBe(401);
    expect((await scrape('text/plain')).status).toBe(401);
    const response = await server.call('GET', '/metrics', { apiKey: 'viewer' });
    expect([response.status, response.headers.has('ratelimit')]).toEqual([200, true]);
  } finally {
    live.current = testConfig();
  }
});
