/** Start, refusal to start, reload and stop of the compiled binary. */
import { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  mergeConfig,
  newFolder,
  type RunningServer,
  runBinary,
  spawnServer,
  startServer,
} from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Starts a server that must refuse; returns its exit code and everything it said. */
async function refusal(server: RunningServer): Promise<{ code: number; said: string }> {
  try {
    const code = await server.child.exited;
    await until(() => server.lines.length > 0);
    return { code, said: server.lines.join('\n') };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

describe('start is refused with one clear line when', () => {
  test('the port is taken', async () => {
    await using first = await startServer({ workers: 1 });
    const { code, said } = await refusal(spawnServer({ workers: 1, port: first.port }));
    expect(code).toBe(1);
    expect(said).toContain(String(first.port));
  });

  test('another server uses the data folder', async () => {
    await using first = await startServer({ workers: 1 });
    const { code, said } = await refusal(spawnServer({ workers: 1, dataDir: first.dataDir }));
    expect(code).toBe(1);
    expect(said).toContain(first.dataDir);
    expect((await first.request('GET', '/health')).status).toBe(200);
  });

  test('the data folder cannot be written', async () => {
    const parent = newFolder();
    writeFileSync(join(parent, 'file'), 'not a folder');
    const { code, said } = await refusal(spawnServer({ workers: 1, dataDir: join(parent, 'file') }));
    expect(code).toBe(1);
    expect(said).toContain(join(parent, 'file'));
  });

  test('the configuration has an unknown key: it says which, and what was probably meant', async () => {
    const { code, said } = await refusal(spawnServer({ config: { rate_limit: { max_request: 5 } } }));
    expect(code).toBe(2);
    expect(said).toContain('rate_limit.max_request');
    expect(said).toContain('max_requests');
  });

  test('production has no JWT_SECRET', async () => {
    const { code, said } = await refusal(spawnServer({ env: { AO_ENV: 'production' } }));
    expect(code).not.toBe(0);
    expect(said).toContain('JWT_SECRET');
  });
});

test('without AO_ADMIN_PASSWORD the first start prints a password once, and it works', async () => {
  const dataDir = newFolder();
  try {
    const env = { AO_ADMIN_PASSWORD: '' };
    const password = await (async () => {
      await using first = await startServer({ workers: 1, dataDir, env });
      const found = first.lines.join('\n').match(/^ *password +(\S{16,})$/m)?.[1];
      expect(found).toBeString();
      expect(await first.login('admin', found ?? '')).toBeString();
      return found ?? '';
    })();
    await using second = await startServer({ workers: 1, dataDir, env });
    expect(second.lines.join('\n')).not.toContain(password);
    expect(await second.login('admin', password)).toBeString();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

describe('workers', () => {
  test('one that dies is replaced, and the death is counted', async () => {
    await using server = await startServer({ workers: 2 });
    const [victim = 0] = server.workerPids();
    process.kill(victim, 'SIGKILL');
    await until(() => server.workerPids().length === 2 && !server.workerPids().includes(victim));
    const exposition = await until(async () => {
      const { text } = await server.request('GET', '/metrics', { headers: { accept: 'text/plain' } });
      return /ao_worker_restarts_total 1/.test(text) ? text : null;
    });
    expect(exposition).toContain('ao_worker_restarts_total 1');
  });

  test('one that hangs is killed and replaced, and the port is good again', async () => {
    await using server = await startServer({ workers: 2, config: { server: { worker_timeout_seconds: 2 } } });
    const [victim = 0] = server.workerPids();
    process.kill(victim, 'SIGSTOP');
    await server.logged((entry) => JSON.stringify(entry).includes('no sign of life for 2000 ms'));
    await until(() => server.workerPids().length === 2 && !server.workerPids().includes(victim));
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        server.request('GET', '/api/status', { headers: { connection: 'close' } }),
      ),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  });

  test('go on writing and answering while their supervisor hangs', async () => {
    await using server = await startServer({ workers: 2 });
    const token = await server.adminToken();
    const post = () =>
      server.request('POST', '/api/leads', {
        token,
        headers: { connection: 'close' },
        body: { email: `${crypto.randomUUID()}@example.com` },
      });
    server.child.kill('SIGSTOP');
    try {
      const answers = await Promise.all(Array.from({ length: 10 }, post));
      expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
    } finally {
      server.child.kill('SIGCONT');
    }
    const workers = server.workerPids();
    await until(async () => (await server.request('GET', '/health')).json().status === 'healthy');
    expect((await post()).status).toBe(201);
    expect(server.workerPids()).toEqual(workers);
    expect(await server.stop()).toBe(0);
  }, 60_000);

  test('a supervisor killed by SIGKILL takes its workers with it', async () => {
    await using server = await startServer({ workers: 2 });
    const workers = server.workerPids();
    expect(workers).toHaveLength(2);
    await server.stop('SIGKILL');
    await until(() => workers.every((pid) => !alive(pid)));
  });
});

describe('a server whose log nobody reads any more', () => {
  test('goes on, is reloaded and stops in good order', async () => {
    const dataDir = newFolder();
    const server = spawnServer({ workers: 1, dataDir });
    try {
      await server.logged(({ msg }) => msg === 'listening', 30_000);
      await server.stopReading();
      server.child.kill('SIGHUP');
      for (let call = 0; call < 5; call += 1) {
        expect((await server.request('GET', '/health')).status).toBe(200);
      }
      expect(await server.stop()).toBe(0);
      const { stdout } = await runBinary(['audit', 'tail', '--json', '--data-dir', dataDir]);
      expect(stdout).toContain('"action":"config.reloaded"');
      expect(stdout).toContain('"action":"server.stopped"');
    } finally {
      await server.stop('SIGKILL');
      rmSync(dataDir, { recursive: true });
    }
  });
});

test('the last events of a server, and those of a command without one, are sealed', async () => {
  const dataDir = newFolder();
  try {
    const server = await startServer({ workers: 1, dataDir });
    expect(await server.stop()).toBe(0);
    const command = (args: string[], stdin?: string) =>
      runBinary([...args, '--data-dir', dataDir], stdin === undefined ? {} : { stdin });
    const verdict = async () =>
      JSON.parse((await command(['audit', 'verify', '--json'])).stdout) as { ok: boolean; unsealed: number };
    expect(await verdict()).toMatchObject({ ok: true, unsealed: 0 });
    const made = await command(['user', 'create', 'eve', '--role', 'admin'], 'a long enough password\n');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(await verdict()).toMatchObject({ ok: true, unsealed: 0 });

    const file = new Database(join(dataDir, 'orchestrator.sqlite3'));
    const removed = file.run("delete from audit_events where action = 'user.created' and actor_type = 'cli'");
    file.close();
    expect(removed.changes).toBe(1);
    expect(await verdict()).toMatchObject({ ok: false });
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});

test('no secret is in the environment of a worker', async () => {
  const env = {
    JWT_SECRET: 'a secret that signs the tokens of this server',
    AO_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    AO_REDIS__PASSWORD: 'a password of redis',
    DATABASE_URL: 'sqlite:named.sqlite3',
    TZ: 'Europe/Vienna',
  };
  await using server = await startServer({ workers: 1, env });
  const [pid = 0] = server.workerPids();
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  const names = environment.map((entry) => entry.split('=')[0]);
  expect(names).toContain('TZ');
  expect(names.filter((name) => /^(AO_|JWT_|DATABASE_)/.test(name ?? ''))).toEqual([]);
});

describe('SIGHUP', () => {
  const rewrite = (server: RunningServer, over: Record<string, Record<string, unknown>>) =>
    writeFileSync(
      server.configFile,
      JSON.stringify(
        mergeConfig(
          {
            redis: { use_fake_redis: true },
            server: { host: '127.0.0.1', drain_seconds: 0.2, shutdown_grace_seconds: 10 },
            auth: { login_attempts_per_user: 100_000, login_attempts_per_address: 100_000 },
          },
          over,
        ),
      ),
    );

  test('applies limits and public routes in place, in every worker, without losing a request', async () => {
    await using server = await startServer({ workers: 4 });
    const workers = server.workerPids();
    const token = await server.adminToken();
    rewrite(server, { rate_limit: { max_requests: 77 }, monitoring: { public_metrics: false } });
    server.child.kill('SIGHUP');
    await until(async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, () =>
          server.request('GET', '/metrics', { headers: { connection: 'close' } }),
        ),
      );
      return answers.every((answer) => answer.status === 401);
    });
    const me = await server.request('GET', '/api/auth/me', { token });
    expect(me.headers.get('ratelimit-policy')).toContain('q=77;');
    expect(server.workerPids()).toEqual(workers);
  });

  test('says which keys need a restart', async () => {
    await using server = await startServer({ workers: 1 });
    rewrite(server, { runs: { concurrency: 5 } });
    server.child.kill('SIGHUP');
    const line = await server.logged((entry) => JSON.stringify(entry).includes('runs.concurrency'));
    expect(JSON.stringify(line)).toContain('restart');
  });

  test('refuses a bad file and goes on as before', async () => {
    await using server = await startServer({ workers: 1 });
    writeFileSync(server.configFile, '{"rate_limit": {"max_requests": "many"}}');
    server.child.kill('SIGHUP');
    const line = await server.logged((entry) => JSON.stringify(entry).includes('rate_limit.max_requests'));
    const refused = await until(async () => {
      const path = '/api/admin/audit/events?action=config.reloaded';
      const { events } = (await server.request('GET', path, { token: await server.adminToken() })).json<{
        events: object[];
      }>();
      return events[0];
    });
    expect(refused).toMatchObject({ outcome: 'failure', details: { keys: ['rate_limit.max_requests'] } });
    expect(line.level).toBe('error');
    expect((await server.request('GET', '/health')).status).toBe(200);
  });
});

test('SIGTERM under load fails no request that was taken on, and exits 0', async () => {
  await using server = await startServer({ workers: 4, config: { server: { drain_seconds: 1 } } });
  const token = await server.adminToken();
  let stopping = false;
  const broken: string[] = [];
  let answered = 0;
  const client = async () => {
    for (;;) {
      try {
        const { status } = await server.request('GET', '/api/leads?limit=5', { token });
        if (status !== 200) broken.push(String(status));
        answered += 1;
        if (answered === 500 && !stopping) {
          stopping = true;
          server.child.kill('SIGTERM');
        }
      } catch (error) {
        const code = String((error as { code?: string }).code);
        if (code === 'ConnectionRefused' || code === 'ECONNREFUSED') return;
        broken.push(code);
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  expect(await server.child.exited).toBe(0);
  expect(answered).toBeGreaterThan(500);
  expect(broken).toEqual([]);
});
