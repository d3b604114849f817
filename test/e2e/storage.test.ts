/** What happens to the database happens to nobody else: clear answers while it is away or full, and it heals. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithPostgres, PrivatePostgres } from '@test/support/postgres.ts';
import { type Answer, spawnServer, startServer } from '@test/support/server.ts';
import { requireServices } from '@test/support/services.ts';
import { until } from '@test/support/wait.ts';

interface Health {
  status: string;
  reasons?: string[];
  workers_ready?: number;
}

function expectProblem(answer: Answer, status: number): void {
  expect(answer.json<object>()).toMatchObject({ status, request_id: expect.any(String) });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toStartWith('application/problem+json');
}

describeWithPostgres('a PostgreSQL', () => {
  let postgres: PrivatePostgres;

  beforeAll(async () => {
    postgres = new PrivatePostgres();
  });
  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
  });

  test('that is away at the start: refused with its address, not with its password', async () => {
    const url = postgres.url.replace('tester@', 'tester:a-secret-word@');
    const server = spawnServer({ workers: 1, env: { DATABASE_URL: url } });
    expect(await server.child.exited).toBe(1);
    const said = await until(() => server.lines.join('\n'));
    expect(said).toContain(`127.0.0.1:${postgres.port}`);
    expect(said).not.toContain('a-secret-word');
    await server[Symbol.asyncDispose]();
  });

  test('that goes away while the server runs: 503 that says so, and all is well when it is back', async () => {
    await postgres.start();
    await using server = await startServer({ workers: 2, env: { DATABASE_URL: postgres.url } });
    const workers = server.workerPids();
    const token = await server.adminToken();
    const kept = await server.request('POST', '/api/leads', { token, body: { email: 'kept@example.com' } });
    expect(kept.status).toBe(201);

    await postgres.stop();
    const unhealthy = await until(async () => {
      const answer = await server.request('GET', '/health');
      return answer.status === 503 ? answer : null;
    });
    expect(unhealthy.json<object>()).toMatchObject({ status: 'unhealthy' });
    expect((await server.request('GET', '/health?probe=live')).status).toBe(200);
    expect((await server.request('GET', '/health?probe=ready')).status).toBe(503);
    const detailed = await server.request('GET', '/health/detailed');
    expect([detailed.status, detailed.json<object>()]).toMatchObject([
      503,
      {
        ...{ queue_depth: null, leads_cached: null, workflows_cached: null },
        ...{ cache: 'active', redis_mode: 'embedded', workers_ready: 2, workers_wanted: 2 },
      },
    ]);
    const headers = { connection: 'close' };
    const answers = await Promise.all([
      ...Array.from({ length: 6 }, () => server.request('GET', '/api/leads', { token, headers })),
      ...Array.from({ length: 6 }, () =>
        server.request('POST', '/api/leads', { token, headers, body: { email: 'lost@example.com' } }),
      ),
      server.request('POST', '/api/auth/login', {
        headers,
        body: { username: 'admin', password: 'x'.repeat(12) },
      }),
    ]);
    for (const answer of answers) {
      expectProblem(answer, 503);
      expect(answer.headers.get('retry-after')).toBeString();
      expect(answer.text).not.toMatch(/ECONNREFUSED|tester|stack/);
    }
    // Nobody is let in unchecked: what was checked before counts for half a second.
    await until(async () => (await server.request('GET', '/api/auth/me', { token, headers })).status === 503);
    expect((await server.request('GET', '/metrics')).status).toBe(200);

    await postgres.start();
    await until(
      async () => (await server.request('GET', '/health')).json<{ status: string }>().status === 'healthy',
    );
    const made = await server.request('POST', '/api/leads', { token, body: { email: 'again@example.com' } });
    expect(made.status).toBe(201);
    const { leads } = (await server.request('GET', '/api/leads', { token })).json<{
      leads: { email: string }[];
    }>();
    expect(leads.map(({ email }) => email).sort()).toEqual(['again@example.com', 'kept@example.com']);
    expect(server.workerPids()).toEqual(workers);
    expect(await server.stop()).toBe(0);
  }, 40_000);

  test('that is away at a stop: the port is drained all the same, and a request in flight is answered', async () => {
    await postgres.start();
    await using server = await startServer({ workers: 1, env: { DATABASE_URL: postgres.url } });
    const token = await server.adminToken();
    const body = 'not JSON, and so an answer that needs no database';
    const received = Promise.withResolvers<string>();
    let text = '';
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port: server.port,
      socket: {
        data: (_, bytes) => {
          text += bytes.toString();
        },
        close: () => received.resolve(text),
      },
    });
    const head = `POST /api/leads HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n`;
    const about = `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    socket.write(head + about + body.slice(0, 9));
    // In flight are this scrape and the other request, admitted while the database was there.
    await until(async () =>
      (await server.request('GET', '/metrics', { headers: { accept: 'text/plain' } })).text.includes(
        'http_requests_in_flight 2\n',
      ),
    );
    await postgres.stop();
    const stopped = server.stop();
    // Until the port is closed: a worker that leaves without draining is gone by then.
    await until(() =>
      fetch(server.url, { signal: AbortSignal.timeout(500) }).then(
        () => false,
        () => true,
      ),
    );
    socket.write(body.slice(9));
    expect(await received.promise).toStartWith('HTTP/1.1 400 ');
    expect(await stopped).toBe(0);
  }, 40_000);
});

/** A file system of a few megabytes; null where this user may not mount one. */
function smallDisk(): (Disposable & { readonly folder: string; fill(): void; free(): void }) | null {
  const folder = mkdtempSync(join(tmpdir(), 'ao-disk-'));
  const mounted = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder]).success;
  if (!mounted) {
    rmSync(folder, { recursive: true });
    return null;
  }
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill: () => {
      const file = openSync(ballast, 'a');
      try {
        for (let size = 65_536; size >= 1; size /= 2) {
          try {
            for (;;) writeSync(file, Buffer.alloc(size, 1));
          } catch {
            // Not even this much fits any more: try less.
          }
        }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(ballast, { force: true }),
    [Symbol.dispose]: () => {
      Bun.spawnSync(['umount', '-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const disk = smallDisk();
afterAll(() => disk?.[Symbol.dispose]());
if (!disk && requireServices) throw new Error('REQUIRE_SERVICES=1, but nothing can be mounted');

test.skipIf(disk === null)(
  'a full disk: writes get 507, reads go on, workers stay, and space heals it',
  async () => {
    if (!disk) return;
    await using server = await startServer({ workers: 2, dataDir: join(disk.folder, 'data') });
    const token = await server.adminToken();
    const add = (name: string) =>
      server.request('POST', '/api/leads', {
        token,
        headers: { connection: 'close' },
        body: { email: `${name}@example.com`, custom_fields: { text: 'x'.repeat(20_000) } },
      });
    const total = async () =>
      (await server.request('GET', '/api/leads', { token, headers: { connection: 'close' } })).json<{
        total: number;
      }>().total;
    const workers = server.workerPids();
    let kept = 0;
    for (; kept < 3; kept += 1) expect((await add(`before${kept}`)).status).toBe(201);

    disk.fill();
    const full = await until(async () => {
      const answer = await add(`full${kept}`);
      if (answer.status !== 201) return answer;
      kept += 1;
      return null;
    });
    expectProblem(full, 507);
    for (const answer of await Promise.all(Array.from({ length: 8 }, (_, index) => add(`more${index}`)))) {
      expectProblem(answer, 507);
    }
    expectProblem(await server.request('POST', '/api/admin/audit/backup', { token }), 507);
    expect(await total()).toBe(kept);
    const sick = await until(async () => {
      const { status, reasons = [] } = (await server.request('GET', '/health')).json<Health>();
      return status === 'healthy' ? null : { status, reasons };
    });
    expect(sick).toMatchObject({ status: 'degraded', reasons: [expect.stringContaining('space')] });
    expect((await server.request('GET', '/metrics')).status).toBe(200);
    expect(server.workerPids()).toEqual(workers);

    disk.free();
    expect((await add('after')).status).toBe(201);
    expect(await total()).toBe(kept + 1);
    await until(
      async () => (await server.request('GET', '/health')).json<{ status: string }>().status === 'healthy',
    );
    expect((await server.request('POST', '/api/admin/audit/backup', { token })).status).toBe(200);
    expect(await server.stop()).toBe(0);
  },
  30_000,
);
