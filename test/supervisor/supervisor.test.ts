import { Database } from 'bun:sqlite';
import { afterEach, describe, expect, test } from 'bun:test';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { until } from '@test/support/wait.ts';
import type { Config } from '@/platform/config/schema.ts';
import { type LogLine, lives, Scene } from './support/fakes.ts';

type Over = { [S in keyof Config]?: Partial<Config[S]> };

const quiet: Over = {
  server: { host: '127.0.0.1', port: 0, workers: 2, drain_seconds: 0, shutdown_grace_seconds: 1 },
  redis: { use_fake_redis: true },
};

/** A supervisor with fake workers in a process of its own. */
class Running {
  readonly lines: LogLine[] = [];
  stderr = '';
  private readonly child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>;
  private readonly read: Promise<unknown>;

  constructor(
    readonly scene: Scene,
    options: { over?: Over; behaviour?: string; env?: Record<string, string> } = {},
  ) {
    this.configure(options.over ?? {});
    const { dataDir, journal } = scene;
    const given = { dataDir, journal, config: this.configFile, behaviour: options.behaviour ?? 'good' };
    this.child = Bun.spawn(
      [process.execPath, resolve(import.meta.dir, 'support/serve.ts'), JSON.stringify(given)],
      {
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
        env: { PATH: process.env.PATH ?? '', AO_ADMIN_PASSWORD: 'correct horse battery', ...options.env },
      },
    );
    running.add(this);
    this.read = Promise.all([this.readLog(), this.readErrors()]);
  }

  get pid(): number {
    return this.child.pid;
  }
  get configFile(): string {
    return join(this.scene.folder, 'config.json');
  }
  get port(): number {
    return Number(new URL(String(this.line('listening')?.url)).port);
  }

  configure(over: Over, text?: string): void {
    const merged = {
      ...over,
      server: { ...quiet.server, ...over.server },
      redis: { ...quiet.redis, ...over.redis },
    };
    writeFileSync(this.configFile, text ?? JSON.stringify(merged));
  }

  line(msg: string): LogLine | undefined {
    return this.lines.find((line) => line.msg.includes(msg));
  }

  /** The first log line with a text, now or soon. */
  async logged(msg: string): Promise<LogLine> {
    const what = `a line "${msg}"`;
    return until(() => this.line(msg), { what, timeoutMs: 8_000 }).catch((error) => {
      throw new Error(`${what} is missing in\n${JSON.stringify(this.lines)}\n${this.stderr}`, {
        cause: error,
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async end(): Promise<number | null> {
    await this.child.exited;
    await this.read;
    return this.child.exitCode;
  }

  private async readLog(): Promise<void> {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      // Throws for a line that is no JSON: standard output holds log lines and nothing else.
      for (const line of parts) this.lines.push(JSON.parse(line));
    }
  }

  private async readErrors(): Promise<void> {
    for await (const chunk of this.child.stderr) this.stderr += new TextDecoder().decode(chunk);
  }
}

/** Actions of the audit log, in order. */
function eventsOf(scene: Scene): string[] {
  using db = new Database(join(scene.dataDir, 'orchestrator.sqlite3'), { readonly: true });
  const rows = db.query<{ action: string }, []>('SELECT action FROM audit_events ORDER BY id').all();
  return rows.map(({ action }) => action);
}

const running = new Set<Running>();
afterEach(async () => {
  for (const each of running) each.signal('SIGKILL');
  await Promise.all([...running].map((each) => each.end()));
  running.clear();
});

describe('a server that starts', () => {
  test('says where it listens when all workers are ready, and leaves with 0 on SIGTERM', async () => {
    using scene = new Scene();
    const server = new Running(scene);
    const line = await server.logged('listening');
    expect(line).toMatchObject({ level: 'info', workers: 2 });
    expect(server.port).toBeGreaterThan(0);
    expect(scene.notes('ready')).toHaveLength(2);
    server.signal('SIGTERM');
    expect(await server.end()).toBe(0);
    expect(scene.notes('drain')).toHaveLength(2);
    expect(server.stderr).toBe('');
    expect(server.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
    expect(eventsOf(scene)).toEqual(['user.created', 'server.started', 'server.stopped']);
  });

  test('gives every worker one and the same secrets, port and server id', async () => {
    using scene = new Scene();
    const server = new Running(scene);
    await server.logged('listening');
    const inits = scene.notes('init').flatMap(({ message }) => (message?.type === 'init' ? message : []));
    expect(new Set(inits.map(({ secrets }) => JSON.stringify(secrets))).size).toBe(1);
    expect(new Set(inits.map(({ serverId }) => serverId)).size).toBe(1);
    expect(new Set(inits.map(({ config }) => config.server.port))).toEqual(new Set([server.port]));
    expect(inits.map(({ slot }) => slot).sort()).toEqual([0, 1]);
    expect(inits[0]?.fleet.redis).toMatchObject({ mode: 'embedded', fallback: false });
  });

  test('shows a generated password to the person at the terminal, once, and in no log line', async () => {
    using scene = new Scene();
    const first = new Running(scene, { env: { AO_ADMIN_PASSWORD: '' } });
    await first.logged('listening');
    const password = /password\s+(\S+)/.exec(first.stderr.split('user name')[1] ?? '')?.[1] ?? '';
    expect(password.length).toBeGreaterThanOrEqual(20);
    expect(JSON.stringify(first.lines)).not.toContain(password);
    first.signal('SIGTERM');
    await first.end();
    const second = new Running(scene, { env: { AO_ADMIN_PASSWORD: '' } });
    await second.logged('listening');
    expect(second.stderr).toBe('');
  });

  test('warns loudly when authentication is off', async () => {
    using scene = new Scene();
    const server = new Running(scene, { over: { auth: { enabled: false } } });
    expect(await server.logged('auth.enabled is false')).toMatchObject({ level: 'warn' });
  });
});

describe('a server that cannot start', () => {
  const refused = async (server: Running, exitCode: number, ...parts: string[]): Promise<void> => {
    expect(await server.end()).toBe(exitCode);
    const errors = server.lines.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    for (const part of parts) expect(errors[0]?.msg).toContain(part);
    expect(server.stderr).toBe('');
    // Where workers were on their way already, none has opened the port and none is left.
    expect(server.scene.notes('ready')).toEqual([]);
    expect(server.scene.notes('born').filter(({ pid }) => lives(pid))).toEqual([]);
  };

  test('says that another server is on the data folder', async () => {
    using scene = new Scene();
    const first = new Running(scene);
    await first.logged('listening');
    const born = scene.notes('born').length;
    const second = new Running(scene);
    expect(await second.end()).toBe(1);
    expect(second.lines.map(({ msg }) => msg)).toEqual([
      expect.stringContaining(`another server (process ${first.pid}) is running on the data folder`),
    ]);
    expect(scene.notes('born')).toHaveLength(born);
  });

  test('says that the port is taken', async () => {
    using scene = new Scene();
    const other = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      reusePort: true,
      fetch: () => new Response(''),
    });
    const port = other.port ?? 0;
    const server = new Running(scene, { over: { server: { port } } });
    await refused(server, 1, `127.0.0.1:${port}`, 'taken');
    await other.stop(true);
  });

  test('says that the data folder is not writable', async () => {
    using scene = new Scene();
    writeFileSync(scene.dataDir, 'in the way');
    await refused(new Running(scene), 1, scene.dataDir, 'not writable');
  });

  test('says that JWT_SECRET is missing', async () => {
    using scene = new Scene();
    await refused(new Running(scene, { env: { AO_ENV: 'production' } }), 2, 'JWT_SECRET is missing');
  });

  test('says where the required Redis was looked for and what happened', async () => {
    using scene = new Scene();
    const redis = { host: '127.0.0.1', port: 1, use_fake_redis: false, required: true };
    const env = { JWT_SECRET: 'a secret of more than thirty-two bytes' };
    await refused(new Running(scene, { over: { redis }, env }), 1, '127.0.0.1:1');
  });

  test('says that the password of the first admin is too weak', async () => {
    using scene = new Scene();
    await refused(new Running(scene, { env: { AO_ADMIN_PASSWORD: 'short' } }), 2, 'AO_ADMIN_PASSWORD');
  });

  test('says everything that is in the way at once', async () => {
    using scene = new Scene();
    const env = { AO_ADMIN_PASSWORD: 'short', JWT_SECRET: 'short', AO_ENCRYPTION_KEY: 'short' };
    await refused(
      new Running(scene, { env, over: { database: { url: 'sqlite:../elsewhere' } } }),
      2,
      'the server cannot start:\n',
      'JWT_SECRET is too short',
      'AO_ENCRYPTION_KEY must be',
      'is outside the data folder',
    );
  });

  test('says why its workers die, after five deaths', async () => {
    using scene = new Scene();
    const server = new Running(scene, { behaviour: 'broken' });
    expect(await server.end()).toBe(1);
    expect(server.lines.at(-1)?.msg).toContain('5 died before they were ready, the last with exit code 9');
  });

  test('falls back to the embedded Redis with one warning when that is allowed', async () => {
    using scene = new Scene();
    const server = new Running(scene, {
      over: { redis: { host: '127.0.0.1', port: 1, use_fake_redis: false } },
    });
    await server.logged('listening');
    const warnings = server.lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg);
    expect(warnings).toEqual([
      expect.stringMatching(/^Redis unavailable, using embedded fallback: .*127\.0\.0\.1:1/),
    ]);
  });
});

describe('a server that runs', () => {
  test('applies a changed configuration on SIGHUP and says which keys need a restart', async () => {
    using scene = new Scene();
    const server = new Running(scene);
    await server.logged('listening');
    server.configure({ rate_limit: { max_requests: 7 }, server: { workers: 3 }, runs: { concurrency: 5 } });
    server.signal('SIGHUP');
    expect(await server.logged('configuration reloaded')).toMatchObject({
      applied: ['rate_limit.max_requests'],
    });
    expect((await server.logged('need a restart')).keys).toEqual(
      expect.arrayContaining(['server.workers', 'runs.concurrency']),
    );
    await until(() => scene.notes('reload').length === 2);
    const reloads = scene.notes('reload');
    for (const { message } of reloads) {
      const config = message?.type === 'reload' ? message.config : undefined;
      expect(config?.rate_limit.max_requests).toBe(7);
      expect(config?.server).toMatchObject({ workers: 2, port: server.port });
      expect(config?.runs.concurrency).toBe(64);
    }
    expect(scene.notes('born')).toHaveLength(2);
    server.signal('SIGTERM');
    await server.end();
    expect(eventsOf(scene)).toContain('config.reloaded');
  });

  test('warns on SIGHUP of a limit for a route that does not exist', async () => {
    using scene = new Scene();
    const server = new Running(scene);
    await server.logged('listening');
    const quota = { max_requests: 5, window_seconds: 1 };
    server.configure({ rate_limit: { routes: { 'POST /api/lead': quota, 'GET /api/leads/{id}': quota } } });
    server.signal('SIGHUP');
    const line = await server.logged('names a route that does not exist');
    expect(line).toMatchObject({
      level: 'warn',
      msg: expect.stringContaining('did you mean POST /api/leads?'),
    });
    expect(JSON.stringify(server.lines)).not.toContain('GET /api/leads/{id}');
  });

  test('refuses a bad configuration on SIGHUP and goes on with the old one', async () => {
    using scene = new Scene();
    const server = new Running(scene);
    await server.logged('listening');
    server.configure({}, '{ not json');
    server.signal('SIGHUP');
    expect(await server.logged('configuration refused')).toMatchObject({
      level: 'error',
      reason: 'the file is bad',
    });
    expect(scene.notes('reload')).toEqual([]);
    server.signal('SIGTERM');
    expect(await server.end()).toBe(0);
  });

  test('replaces a killed worker and tells the others of it', async () => {
    using scene = new Scene();
    const server = new Running(scene);
    await server.logged('listening');
    process.kill(scene.notes('ready')[0]?.pid ?? 0, 'SIGKILL');
    await server.logged('worker died');
    await until(() => scene.notes('ready').length === 3);
    const ready = () =>
      scene
        .notes('fleet')
        .flatMap(({ message }) => (message?.type === 'fleet' ? message.fleet.workersReady : []));
    await until(() => ready().includes(1) && ready().at(-1) === 2);
  });

  test('takes its workers with it when it is killed, and leaves nothing in the way of the next', async () => {
    using scene = new Scene();
    const server = new Running(scene);
    await server.logged('listening');
    const workers = scene.notes('ready').map(({ pid }) => pid);
    server.signal('SIGKILL');
    await server.end();
    await until(() => !workers.some(lives));
    const next = new Running(scene);
    await next.logged('listening');
    next.signal('SIGINT');
    expect(await next.end()).toBe(0);
    expect(existsSync(join(scene.dataDir, 'run', 'server.pid'))).toBe(false);
  });

  test('kills workers that do not leave in time, and still leaves with 0', async () => {
    using scene = new Scene();
    const server = new Running(scene, {
      behaviour: 'stubborn',
      over: { server: { shutdown_grace_seconds: 1 } },
    });
    await server.logged('listening');
    server.signal('SIGTERM');
    expect(await server.end()).toBe(0);
    expect(server.line('were killed')).toMatchObject({ killed: 2 });
  });

  test('does not wait any longer after a second Ctrl-C', async () => {
    using scene = new Scene();
    const server = new Running(scene, {
      behaviour: 'stubborn',
      over: { server: { shutdown_grace_seconds: 600 } },
    });
    await server.logged('listening');
    server.signal('SIGINT');
    await server.logged('stopping');
    // Within half a second of the first it would be the same press.
    const ended = server.end();
    let left = false;
    void ended.then(() => {
      left = true;
    });
    await until(
      () => {
        server.signal('SIGINT');
        return left;
      },
      { intervalMs: 100 },
    );
    expect(
      scene
        .notes('ready')
        .map(({ pid }) => pid)
        .filter(lives),
    ).toEqual([]);
  });
});
