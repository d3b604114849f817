/**
 * The acceptance report: 24 checks of what an operator is promised, each against the compiled binary with four
 * workers on one port.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { recorder } from '@test/support/recorder.ts';
import {
  ADMIN_PASSWORD,
  freePort,
  type RunningServer,
  spawnServer,
  startServer,
} from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';
import { dataPaths } from '@/platform/config/paths.ts';
import { SlotFile } from '@/platform/metrics/slots.ts';

const LIMIT = 60;
const UNREACHABLE = { redis: { host: '127.0.0.1', port: 1, use_fake_redis: false, allow_fallback: true } };

interface Health {
  status: string;
  version: string;
  timestamp: string;
  components: Record<string, string | number>;
}
interface MetricsAnswer {
  timestamp: string;
  metrics: Record<string, number>;
  rate_limit: { enabled: boolean; window_seconds: number; max_requests: number };
}

let server: RunningServer;
let limited: RunningServer;
/** Carries out no runs, so that what is queued stays in the queue. */
let waiting: RunningServer;

beforeAll(async () => {
  [server, limited, waiting] = await Promise.all([
    startServer({ workers: 4, config: UNREACHABLE }),
    startServer({ workers: 4, config: { rate_limit: { max_requests: LIMIT, window_seconds: 60 } } }),
    startServer({ workers: 4, args: ['--role', 'api'] }),
  ]);
}, 60_000);

afterAll(async () => {
  for (const each of [server, limited, waiting]) await each[Symbol.asyncDispose]();
});

/** Keeps no connection, so that the kernel spreads the calls over the workers. */
const fresh = { connection: 'close' };

const health = async (path = '/health', from = server) =>
  (await from.request('GET', path, { headers: fresh })).json<Health>();
const metrics = async (from = server) => (await from.request('GET', '/metrics')).json<MetricsAnswer>();

let queued = 0;

/** Queues one more run on the server that carries out none; answers how many wait there now. */
async function queueRun(): Promise<number> {
  const token = await waiting.adminToken();
  const body = { name: 'rest', trigger: 'manual', steps: [{ id: 'rest', type: 'delay', duration_ms: 0 }] };
  const made = await waiting.request('POST', '/api/workflows', { token, body });
  const { id } = made.json<{ id: string }>();
  const started = await waiting.request('POST', '/api/workflows/trigger', {
    token,
    body: { workflow_id: id },
  });
  expect(started.status).toBe(202);
  queued += 1;
  return queued;
}

/** How often each worker has answered a route, by the file of its own in which it counts. */
function answersByWorker(route: string): Map<string, number> {
  const { metrics: folder } = dataPaths(server.dataDir);
  const files = readdirSync(folder).filter((name) => name.endsWith('.metrics'));
  return new Map(
    files.map((name) => {
      const { families, series } = new SlotFile(join(folder, name));
      const counts = series
        .filter(
          ({ family, values }) => families[family]?.name === 'http_requests_total' && values[1] === route,
        )
        .map(({ slots }) => slots[0] ?? 0);
      return [name, counts.reduce((sum, count) => sum + count, 0)];
    }),
  );
}

describe('Redis', () => {
  test('1. absent Redis: the server falls back to the embedded one and says so', async () => {
    const lines = server.logs.filter(({ msg }) => String(msg).includes('Redis unavailable'));
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'warn',
        msg: expect.stringMatching(/^Redis unavailable, using embedded fallback: 127\.0\.0\.1:1: /),
      }),
    ]);
  });

  test('2. health reports Redis', async () => {
    expect((await health()).components.redis).toBe('ready');
  });

  test('3. detailed health has the queue depth', async () => {
    expect((await health('/health/detailed')).components.queue_depth).toBe(0);
    const depth = await queueRun();
    await until(async () => (await health('/health/detailed', waiting)).components.queue_depth === depth);
  });
});

describe('authentication', () => {
  test('4. log-in gives a JWT', async () => {
    const answer = await server.request('POST', '/api/auth/login', {
      body: { username: 'admin', password: ADMIN_PASSWORD },
    });
    const body = answer.json<{
      access_token: string;
      token_type: string;
      expires_in: number;
      role: string;
    }>();
    expect(answer.status).toBe(200);
    expect(body.access_token.split('.')).toHaveLength(3);
    expect(body).toMatchObject({ token_type: 'bearer', username: 'admin', role: 'admin', expires_in: 3600 });
  });

  test('5. /api/auth/me is 401 without a token and 200 with it', async () => {
    const refused = await server.request('GET', '/api/auth/me');
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toStartWith('Bearer');
    expect(refused.headers.get('content-type')).toStartWith('application/problem+json');
    const answer = await server.request('GET', '/api/auth/me', { token: await server.adminToken() });
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ username: 'admin', role: 'admin' });
    expect(answer.json<{ permissions: string[] }>().permissions).toContain('audit:backup');
  });

  test('6. public routes are open', async () => {
    const paths = [
      '/health',
      '/health/detailed',
      '/metrics',
      '/api/status',
      '/api/docs',
      '/api/openapi.json',
    ];
    const opened = paths.map(async (path) => [path, (await server.request('GET', path)).status]);
    expect(await Promise.all(opened)).toEqual(paths.map((path) => [path, 200]));
    const body = { username: 'admin', password: ADMIN_PASSWORD };
    expect((await server.request('POST', '/api/auth/login', { body })).status).toBe(200);
  });

  test('7. a backup is 403 for a user who is no admin and 200 for an admin', async () => {
    const { token } = await server.userToken('operator', 'report-operator');
    expect((await server.request('POST', '/api/admin/audit/backup', { token })).status).toBe(403);
    const admin = await server.adminToken();
    expect((await server.request('POST', '/api/admin/audit/backup', { token: admin })).status).toBe(200);
  });
});

describe('rate limiting', () => {
  test('8. the configuration of the limit is loaded', async () => {
    const answer = await limited.request('GET', '/api/auth/me', { token: await limited.adminToken() });
    expect(answer.headers.get('ratelimit-policy')).toContain(`q=${LIMIT};w=60`);
  });

  test('9. metrics show the limit', async () => {
    expect((await metrics(limited)).rate_limit).toEqual({
      enabled: true,
      window_seconds: 60,
      max_requests: LIMIT,
    });
  });

  test('10. rapid requests over all workers give 429 at the limit and never a crash', async () => {
    const { token } = await limited.userToken('viewer', 'report-viewer');
    const statuses: number[] = [];
    for (let wave = 0; wave < 4; wave += 1) {
      const answers = await Promise.all(
        Array.from({ length: LIMIT / 2 }, () =>
          limited.request('GET', '/api/auth/me', { token, headers: fresh }),
        ),
      );
      statuses.push(...answers.map((answer) => answer.status));
    }
    const passed = statuses.filter((status) => status === 200).length;
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(passed).toBeGreaterThanOrEqual(LIMIT);
    expect(passed).toBeLessThanOrEqual(LIMIT + 20);
    expect((await limited.request('GET', '/health')).json<Health>().status).toBe('healthy');
    expect(limited.logs.some((line) => line.msg === 'worker died')).toBe(false);
  });
});

describe('metrics', () => {
  test('11. /metrics responds', async () => {
    const answer = await server.request('GET', '/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toStartWith('application/json');
  });

  test('12. all fields are there', async () => {
    const body = await metrics();
    for (const field of [
      'requests_total',
      'requests_failed',
      'avg_latency_ms',
      'max_latency_ms',
      'uptime_seconds',
      'queue_depth',
    ]) {
      expect(body.metrics[field]).toBeNumber();
    }
  });

  test('13. they move with requests on all workers, whichever worker answers', async () => {
    const before = (await metrics()).metrics.requests_total ?? 0;
    const answered = answersByWorker('/api/status');
    let calls = 0;
    await until(async () => {
      await server.request('GET', '/api/status', { headers: fresh });
      calls += 1;
      const now = [...answersByWorker('/api/status')];
      return now.filter(([worker, count]) => count > (answered.get(worker) ?? 0)).length === 4;
    });
    await until(async () => ((await metrics()).metrics.requests_total ?? 0) >= before + calls);
  });

  test('14. the queue depth is among them', async () => {
    expect((await metrics()).metrics.queue_depth).toBe(0);
    const depth = await queueRun();
    await until(async () => (await metrics(waiting)).metrics.queue_depth === depth);
  });

  test('15. the limit section is among them', async () => {
    expect(Object.keys((await metrics()).rate_limit).sort()).toEqual([
      'enabled',
      'max_requests',
      'window_seconds',
    ]);
  });
});

interface Backup {
  backup_file: string;
  size_bytes: number;
  compressed: boolean;
}

describe('audit backups', () => {
  const backup = async (compress: boolean) =>
    (
      await server.request('POST', `/api/admin/audit/backup?compress=${compress}`, {
        token: await server.adminToken(),
      })
    ).json<Backup>();

  test('16. a gzip backup is made', async () => {
    const made = await backup(true);
    expect(made.compressed).toBe(true);
    expect(made.backup_file).toMatch(/^audit_backup_\d{8}_\d{6}.*\.log\.gz$/);
    expect(made.size_bytes).toBeGreaterThan(0);
  });

  test('17. it is listed, newest first', async () => {
    const made = await backup(true);
    const answer = await server.request('GET', '/api/admin/audit/backups', {
      token: await server.adminToken(),
    });
    expect(answer.json<{ backups: Backup[] }>().backups[0]?.backup_file).toBe(made.backup_file);
  });

  test('18. listing is 403 for a user who is no admin', async () => {
    const { token } = await server.userToken('viewer', 'report-listing-viewer');
    expect((await server.request('GET', '/api/admin/audit/backups', { token })).status).toBe(403);
  });

  test('19. compressed is smaller than plain', async () => {
    const token = await server.adminToken();
    for (let lead = 0; lead < 30; lead += 1) {
      await server.request('POST', '/api/leads', { token, body: { email: `lead${lead}@example.com` } });
    }
    const plain = await backup(false);
    const packed = await backup(true);
    expect(packed.size_bytes).toBeLessThan(plain.size_bytes / 2);
  });
});

describe('health and life', () => {
  test('20. basic health answers', async () => {
    const basic = await health();
    expect(basic.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(Date.parse(basic.timestamp)).toBeGreaterThan(0);
    expect(Object.keys(basic.components).sort()).toEqual(
      ['api', 'audit', 'crm_connector', 'lead_ingest', 'redis', 'workflow_runner'].sort(),
    );
  });

  test('21. detailed health answers, and never goes back in time from one worker to another', async () => {
    const detailed = await health('/health/detailed');
    expect(detailed.components).toMatchObject({ api: 'running', cache: 'active', redis_mode: 'embedded' });
    const times = [detailed.timestamp];
    for (let call = 0; call < 30; call += 1) times.push((await health('/health/detailed')).timestamp);
    expect(times).toEqual([...times].sort());
  });

  test('22. the server boots with four workers', async () => {
    expect(server.workerPids()).toHaveLength(4);
    expect((await server.request('GET', '/health?probe=ready')).status).toBe(200);
  });

  test('23. a graceful shutdown finishes what is in flight and exits 0', async () => {
    const held = Promise.withResolvers<void>();
    await using crm = recorder(async () => {
      await held.promise;
      return new Response();
    });
    await using other = await startServer({
      workers: 4,
      config: { outbound: { allow_private: ['127.0.0.1/32'] } },
    });
    const token = await other.adminToken();
    const body = { method: 'POST', url: crm.url, status_url: crm.url, id_path: 'id' };
    expect((await other.request('POST', '/api/crm/config', { token, body })).status).toBe(200);
    const answer = other.request('GET', '/api/crm/status', { token });
    await until(() => crm.calls.length === 1);
    const stopped = other.stop('SIGTERM');
    const closed = () =>
      fetch(other.url, { signal: AbortSignal.timeout(500) }).then(
        () => false,
        () => true,
      );
    await until(closed, { what: 'the port closed' });
    held.resolve();
    expect((await answer).status).toBe(200);
    expect(await stopped).toBe(0);
  });

  test('24. with required:true and no Redis it refuses to start', async () => {
    const port = freePort();
    const other = spawnServer({
      config: { redis: { host: '127.0.0.1', port, use_fake_redis: false, required: true } },
      env: { JWT_SECRET: 'a secret of more than thirty-two bytes' },
    });
    try {
      expect(await other.child.exited).toBe(1);
      await until(() => other.lines.some((line) => line.includes(`127.0.0.1:${port}`)));
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });
});
