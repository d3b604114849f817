/** Two servers on two data folders over one PostgreSQL and one Redis: to a client they are one. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { type FakeCrm, startCrm } from '@test/support/crm.ts';
import { describeWithPostgres, newPostgresDatabase } from '@test/support/postgres.ts';
import { describeWithRedis, type PrivateRedis, startRedis } from '@test/support/redis.ts';
import { ADMIN_PASSWORD, type RunningServer, runBinary, startServer } from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';

const SECRETS = {
  JWT_SECRET: 'the same secret on every server of the fleet',
  AO_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
};
const LIMIT = 40;

let url: string;
let redis: PrivateRedis;
let crm: FakeCrm;
let a: RunningServer;
let b: RunningServer;

const env = () => ({ ...SECRETS, DATABASE_URL: url });
const start = (args: string[] = []): Promise<RunningServer> =>
  startServer({
    workers: 2,
    env: env(),
    args,
    config: {
      redis: { use_fake_redis: false, host: '127.0.0.1', port: redis.port, required: true },
      rate_limit: { roles: { viewer: { max_requests: LIMIT, window_seconds: 3600 } } },
      runs: { lease_seconds: 2, poll_interval_ms: 200, retry_base_ms: 50 },
      outbound: { allow_private: ['127.0.0.1/32'] },
    },
  });

/** A request on a connection of its own, so that every worker takes part. */
const status = async (server: RunningServer, token: string, path = '/api/auth/me'): Promise<number> =>
  (await server.request('GET', path, { token, headers: { connection: 'close' } })).status;

const health = async (server: RunningServer) =>
  (await server.request('GET', '/health')).json<{ status: string; reasons?: string[] }>();

/** Runs one command of the binary on the data folder of a server, as its operator would. */
const command = (server: RunningServer, args: string[], stdin?: string) =>
  runBinary([...args, '--config', server.configFile, '--data-dir', server.dataDir], {
    env: env(),
    ...(stdin === undefined ? {} : { stdin }),
  });

async function workflow(server: RunningServer, steps: object[], token: string): Promise<string> {
  const made = await server.request('POST', '/api/workflows', {
    token,
    body: { name: `fleet ${crypto.randomUUID()}`, trigger: 'manual', steps },
  });
  expect(made.status).toBe(201);
  return made.json<{ id: string }>().id;
}

async function trigger(server: RunningServer, id: string, token: string): Promise<string> {
  const body = { workflow_id: id, lead_data: { email: `${crypto.randomUUID()}@example.com` } };
  const answer = await server.request('POST', '/api/workflows/trigger', { token, body });
  expect(answer.status).toBe(202);
  return answer.json<{ execution_id: string }>().execution_id;
}

interface Run {
  status: string;
  attempts: { step_id: string; outcome: string }[];
}
const run = async (server: RunningServer, id: string, token: string): Promise<Run> =>
  (await server.request('GET', `/api/runs/${id}`, { token })).json<Run>();

describeWithPostgres('over PostgreSQL', () => {
  describeWithRedis('and Redis, two servers', () => {
    beforeAll(async () => {
      [url, redis] = await Promise.all([newPostgresDatabase(), startRedis()]);
      crm = startCrm();
      // Together: one migrates and makes the first admin, the other finds it done.
      [a, b] = await Promise.all([start(), start()]);
    }, 60_000);

    afterAll(async () => {
      await Promise.all([a, b].map((server) => server?.[Symbol.asyncDispose]()));
      crm?.[Symbol.dispose]();
      await redis?.[Symbol.asyncDispose]();
    }, 30_000);

    test('start at the same moment on an empty database, and are healthy', async () => {
      for (const server of [a, b]) {
        expect(await health(server)).toMatchObject({ status: 'healthy' });
        expect(server.logs.filter(({ level }) => level !== 'info')).toEqual([]);
      }
    });

    test('take one another’s tokens, and a log-out on one ends the session on the other within a second', async () => {
      const token = await a.login('admin', ADMIN_PASSWORD);
      expect(await status(b, token)).toBe(200);
      expect((await a.request('POST', '/api/auth/logout', { token })).status).toBe(204);
      const deadline = Date.now() + 1_000;
      await until(async () => (await status(b, token)) === 401);
      expect(Date.now()).toBeLessThan(deadline);
      for (let time = 0; time < 8; time += 1) expect(await status(b, token)).toBe(401);
    });

    test('a role taken away and a user deactivated on one counts on the other', async () => {
      const { id, token } = await a.userToken('admin', 'short-lived');
      const admin = await a.adminToken();
      expect(await status(b, token, '/api/users')).toBe(200);
      await a.request('PUT', `/api/users/${id}/role`, { token: admin, body: { role: 'operator' } });
      await until(async () => (await status(b, token, '/api/users')) === 403, { timeoutMs: 1_000 });
      await a.request('POST', `/api/users/${id}/deactivate`, { token: admin });
      await until(async () => (await status(b, token)) === 401, { timeoutMs: 1_000 });
    });

    test('share the buckets: a limit is the same number over both', async () => {
      const { token } = await a.userToken('viewer', 'limited');
      const answers = await Promise.all(
        Array.from({ length: 2 * LIMIT }, (_, index) => status(index % 2 ? a : b, token)),
      );
      expect(answers.filter((code) => code === 200)).toHaveLength(LIMIT);
      expect(answers.filter((code) => code === 429)).toHaveLength(LIMIT);
    });

    test('what the command line does on one data folder, the other server obeys', async () => {
      const made = await command(
        a,
        ['user', 'create', 'grace', '--role', 'operator'],
        'a password of grace\n',
      );
      expect(made).toMatchObject({ code: 0, stderr: '' });
      const key = (await command(b, ['key', 'create', 'grace', 'import'])).stdout.trim();
      expect((await a.request('GET', '/api/auth/me', { apiKey: key })).status).toBe(200);
      const listed = await command(a, ['key', 'list', '--user', 'grace', '--json']);
      const [{ key_id = '' } = {}] = (JSON.parse(listed.stdout) as { keys: { key_id: string }[] }).keys;
      expect((await command(a, ['key', 'revoke', key_id])).code).toBe(0);
      await until(async () => (await b.request('GET', '/api/auth/me', { apiKey: key })).status === 401, {
        timeoutMs: 1_000,
      });
    });

    test('seal one chain: every event once, and it verifies on both', async () => {
      const token = await a.adminToken();
      await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          (index % 2 ? a : b).request('POST', '/api/leads', {
            token,
            body: { email: `chain${index}@example.com` },
          }),
        ),
      );
      for (const server of [a, b]) {
        const verified = await until(async () => {
          const answer = await server.request('GET', '/api/admin/audit/verify', { token });
          const body = answer.json<{ ok: boolean; unsealed?: number }>();
          if (answer.status !== 200 || !body.ok) throw new Error(answer.text);
          return body;
        });
        expect(verified.ok).toBe(true);
        expect(await command(server, ['audit', 'verify'])).toMatchObject({ code: 0 });
      }
    });

    test('a backup made on one verifies there, and anywhere with its public key', async () => {
      const made = await command(a, ['audit', 'backup', '--json']);
      expect(made).toMatchObject({ code: 0 });
      const file = JSON.parse(made.stdout) as { path?: string; backup_file: string };
      const path = join(a.dataDir, 'backups/audit', file.backup_file);
      expect(await command(a, ['audit', 'verify', path])).toMatchObject({ code: 0 });
      const elsewhere = await command(b, ['audit', 'verify', path]);
      expect(elsewhere.code).not.toBe(0);
      expect(elsewhere.stdout + elsewhere.stderr).toContain('key');
      const key = join(a.dataDir, 'secrets/audit_key.pub');
      expect(await command(b, ['audit', 'verify', path, '--public-key', key])).toMatchObject({ code: 0 });
    });

    // Only root can give a folder away.
    test.if(process.getuid?.() === 0)(
      'leave no backup that the server of the folder could not read',
      async () => {
        const secrets = join(a.dataDir, 'secrets');
        chownSync(secrets, 12345, 12345);
        try {
          const refused = await command(a, ['audit', 'backup']);
          expect(refused.code).toBe(1);
          expect(refused.stderr).toContain('belongs to another user (id 12345)');
        } finally {
          chownSync(secrets, 0, 0);
        }
      },
    );

    test('a server killed whole loses no run: the other carries them out under the same key', async () => {
      const third = await start();
      const token = await a.adminToken();
      const released = Promise.withResolvers<void>();
      crm.hold = released.promise;
      const id = await workflow(
        a,
        [
          {
            id: 'call',
            type: 'http.request',
            method: 'POST',
            url: `${crm.url}/hook`,
            body: { to: '{{lead.email}}' },
          },
        ],
        token,
      );
      const before = crm.calls.length;
      const runs = await Promise.all(Array.from({ length: 24 }, () => trigger(third, id, token)));
      await until(() => crm.calls.length - before >= runs.length);
      const pids = [third.child.pid, ...third.workerPids()];
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await third[Symbol.asyncDispose]();
      crm.hold = null;
      released.resolve();
      for (const runId of runs) {
        await until(async () => (await run(b, runId, token)).status === 'completed');
      }
      const keys = crm.calls.slice(before).map(({ key }) => key);
      expect(new Set(keys).size).toBe(runs.length);
      expect(await status(a, token)).toBe(200);
    }, 30_000);

    test('can be split: one serves the API and touches no run, one carries them out and serves no API', async () => {
      await Promise.all([a.stop(), b.stop()]);
      await using api = await start(['--role', 'api']);
      const token = await api.login('admin', ADMIN_PASSWORD);
      const id = await workflow(api, [{ id: 'wait', type: 'delay', duration_ms: 0 }], token);
      const runId = await trigger(api, id, token);
      await Bun.sleep(1_000);
      expect((await run(api, runId, token)).status).toBe('queued');

      await using runner = await start(['--role', 'runner']);
      expect(await status(runner, token, '/api/leads')).toBe(404);
      for (const server of [api, runner]) expect(await health(server)).toMatchObject({ status: 'healthy' });
      await until(async () => (await run(api, runId, token)).status === 'completed');
    }, 30_000);
  });
});
