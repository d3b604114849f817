/** The first moment and the last ones of the compiled binary, as systemd, Docker, terminals and clients meet them. */
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { builtExecutable } from '@test/support/executable.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { freePort, type RunningServer, runBinary, spawnServer, startServer } from '@test/support/server.ts';
import { describeWith } from '@test/support/services.ts';
import { until } from '@test/support/wait.ts';

/** What Docker gives a container between SIGTERM and SIGKILL. */
const DOCKER_MS = 10_000;
const AS_SHIPPED = { drain_seconds: 1, shutdown_grace_seconds: 5 };

/** The exit code; "still there" when Docker would have killed it. */
const stopped = (server: RunningServer): Promise<number | string> => {
  server.child.kill('SIGTERM');
  return Promise.race([server.child.exited, Bun.sleep(DOCKER_MS).then(() => 'still there')]);
};

test('whoever finds the port open finds all workers ready, from the very first answer on', async () => {
  await using server = spawnServer({ workers: 4 });
  const first = await until(() => server.request('GET', '/health/detailed').catch(() => null), {
    timeoutMs: 20_000,
    intervalMs: 1,
  });
  expect(first.json()).toMatchObject({ status: 'healthy', workers_ready: 4, workers_wanted: 4 });
});

test('listens on this machine alone unless told otherwise', async () => {
  const { stdout } = await runBinary(['config', 'show']);
  expect(JSON.parse(stdout).server.host).toBe('127.0.0.1');
});

test('warns once of a proxy that is not trusted, with the key that would make it so', async () => {
  await using server = await startServer({ workers: 2 });
  const headers = { 'x-forwarded-for': '203.0.113.9' };
  for (let call = 0; call < 8; call += 1) await server.request('GET', '/api/auth/me', { headers });
  await server.logged((line) => JSON.stringify(line).includes('server.trusted_proxies'));
  await server.stop();
  const warnings = server.logs.filter((line) => JSON.stringify(line).includes('server.trusted_proxies'));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatchObject({ level: 'warn' });
  expect(JSON.stringify(warnings[0])).toContain('127.0.0.1');
});

describe('a stop is over before Docker loses its patience', () => {
  test('with a step that hangs', async () => {
    const asked = Promise.withResolvers<void>();
    const hanging = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => {
        asked.resolve();
        return new Promise<Response>(() => undefined);
      },
    });
    try {
      await using server = await startServer({
        workers: 2,
        config: { server: AS_SHIPPED, outbound: { allow_private: ['127.0.0.0/8'], timeout_ms: 600_000 } },
      });
      const token = await server.adminToken();
      const steps = [{ id: 'hang', type: 'http.request', url: `http://127.0.0.1:${hanging.port}/` }];
      const made = await server.request('POST', '/api/workflows', {
        token,
        body: { name: 'hangs', trigger: 'manual', steps },
      });
      const body = { workflow_id: made.json<{ id: string }>().id };
      await server.request('POST', '/api/workflows/trigger', { token, body });
      await asked.promise;
      expect(await stopped(server)).toBe(0);
      expect(server.logs.at(-1)).toMatchObject({ msg: 'stopped' });
    } finally {
      await hanging.stop(true);
    }
  }, 40_000);

  test('with a client that never ends its body', async () => {
    await using server = await startServer({ workers: 1, config: { server: AS_SHIPPED } });
    const token = await server.adminToken();
    const client = await Bun.connect({
      hostname: '127.0.0.1',
      port: server.port,
      socket: { data: () => undefined },
    });
    client.write(
      `POST /api/leads HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"email":',
    );
    await until(async () => {
      const { text } = await server.request('GET', '/metrics', { headers: { accept: 'text/plain' } });
      return Number(/^http_requests_in_flight (\d+)/m.exec(text)?.[1] ?? 0) > 1;
    });
    expect(await stopped(server)).toBe(0);
    client.end();
  }, 40_000);

  test('and at once when it is asked for twice', async () => {
    await using server = await startServer({
      workers: 1,
      config: { server: { drain_seconds: 60, shutdown_grace_seconds: 600 } },
    });
    server.child.kill('SIGTERM');
    await server.logged((line) => line.msg === 'stopping');
    // Within a moment a second signal is taken for the same press of Ctrl-C.
    const again = setInterval(() => server.child.kill('SIGTERM'), 100);
    await server.child.exited;
    clearInterval(again);
    expect(server.logs.some((line) => line.msg === 'stopping at once')).toBe(true);
  }, 40_000);
});

test('signals that mean nothing harm neither the server nor its workers', async () => {
  await using server = await startServer({ workers: 2 });
  const workers = server.workerPids();
  for (const signal of ['SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) {
    server.child.kill(signal);
    for (const pid of workers) process.kill(pid, signal);
    await server.logged((line) => line.signal === signal);
  }
  expect((await server.request('GET', '/health')).json()).toMatchObject({ status: 'healthy' });
  expect(server.workerPids()).toEqual(workers);
});

describeWith('socat', Bun.which('socat') !== null, 'systemd', () => {
  test('is told of readiness, reloads, life and the stop', async () => {
    await using folder = temporaryFolder();
    const socket = join(folder.path, 'notify');
    const receiver = Bun.spawn(['socat', '-u', `UNIX-RECV:${socket}`, '-'], { stdout: 'pipe' });
    let heard = '';
    const reading = (async () => {
      for await (const chunk of receiver.stdout) heard += new TextDecoder().decode(chunk);
    })();
    await until(() =>
      Bun.file(socket)
        .exists()
        .then(() => Bun.spawnSync(['test', '-S', socket]).exitCode === 0),
    );
    await using server = await startServer({
      workers: 2,
      env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '6000000' },
    });
    await until(() => heard.includes('READY=1') && heard.includes('2 of 2 workers'));
    await until(() => heard.includes('WATCHDOG=1'), { timeoutMs: 15_000 });
    server.child.kill('SIGHUP');
    await until(() => /RELOADING=1\nMONOTONIC_USEC=\d+/.test(heard));
    await until(() => heard.split('READY=1').length > 2);
    expect(await server.stop()).toBe(0);
    await until(() => heard.includes('STOPPING=1'));
    receiver.kill();
    await reading;
  }, 40_000);

  test('and its absence harms nobody', async () => {
    await using server = await startServer({ workers: 1, env: { NOTIFY_SOCKET: '/nowhere/notify' } });
    expect((await server.request('GET', '/health')).status).toBe(200);
    expect(await server.stop()).toBe(0);
  });
});

describeWith('script (util-linux)', Bun.which('script') !== null, 'on a terminal', () => {
  test('the log is readable, and its last line is an address to open', async () => {
    await using folder = temporaryFolder();
    const port = freePort();
    const serve = `${builtExecutable()} serve --port ${port} --workers 1 --data-dir ${folder.path}`;
    const child = Bun.spawn(['script', '-qfec', serve, '/dev/null'], {
      env: { PATH: Bun.env.PATH ?? '', TERM: 'xterm', AO_REDIS__USE_FAKE_REDIS: 'true' },
      stdin: 'pipe',
      stdout: 'pipe',
    });
    let shown = '';
    const reading = (async () => {
      for await (const chunk of child.stdout) shown += new TextDecoder().decode(chunk);
    })();
    const address = `http://localhost:${port}/api/docs`;
    await until(() => shown.trimEnd().endsWith(address), { timeoutMs: 20_000 });
    expect(shown).toContain('listening');
    expect(shown).not.toContain('{"time"');
    expect((await fetch(address)).status).toBe(200);
    child.stdin.write('\x03');
    await child.exited;
    await reading;
  }, 40_000);
});
