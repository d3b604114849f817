/**
 * The compiled binary as a subprocess, on a private port and data folder, as an operator would run it.
 * `await using server = await startServer()` stops it at the end of the block.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtExecutable } from './executable.ts';

const BINARY = builtExecutable();
export const ADMIN_PASSWORD = 'correct horse battery staple';

type Json = Record<string, unknown>;

export interface ServerOptions {
  /** Merged over `quietConfig`, section by section. */
  readonly config?: Record<string, Json>;
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  readonly workers?: number;
  /** Use this data folder, and leave it there afterwards. */
  readonly dataDir?: string;
  readonly port?: number;
  /** Another executable than the one that was built. */
  readonly binary?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  readonly json: <T = Json>() => T;
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'ao-'));

/** One command of the binary, to its end. */
export async function runBinary(
  args: readonly string[],
  options: { env?: Record<string, string>; stdin?: string; cwd?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([BINARY, ...args], {
    env: { PATH: Bun.env.PATH ?? '', HOME: tmpdir(), ...options.env },
    stdin: options.stdin === undefined ? 'ignore' : new TextEncoder().encode(options.stdin),
    stdout: 'pipe',
    stderr: 'pipe',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

export class RunningServer implements AsyncDisposable {
  readonly lines: string[] = [];
  private readonly waiting = new Set<() => void>();
  private token: string | null = null;
  private readonly readers: { cancel(): Promise<void> }[] = [];

  constructor(
    readonly child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>,
    readonly port: number,
    readonly dataDir: string,
    readonly configFile: string,
    private readonly removeData: boolean,
  ) {
    void this.read(child.stdout);
    void this.read(child.stderr);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Log lines that are JSON objects, parsed. */
  get logs(): Json[] {
    return this.lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as Json];
      } catch {
        return [];
      }
    });
  }

  /** The first log line that fits, now or later. Throws with the log when the process ends or time is over. */
  async logged(fits: (line: Json) => boolean, timeoutMs = 20_000): Promise<Json> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const line = this.logs.find(fits);
      if (line) return line;
      if (this.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`no such log line (exit code ${this.child.exitCode}):\n${this.lines.join('\n')}`);
      }
      await new Promise<void>((wake) => {
        const timer = setTimeout(done, 100);
        const { waiting } = this;
        function done() {
          clearTimeout(timer);
          waiting.delete(done);
          wake();
        }
        waiting.add(done);
      });
    }
  }

  /** As when the reader of the log dies: its end of the pipe is closed. */
  async stopReading(): Promise<void> {
    for (const reader of this.readers) await reader.cancel();
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const headers = new Headers(options.headers);
    if (options.token) headers.set('authorization', `Bearer ${options.token}`);
    if (options.apiKey) headers.set('x-api-key', options.apiKey);
    const init: RequestInit = { method, headers, redirect: 'manual' };
    if (options.raw !== undefined) {
      init.body = options.raw;
      if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    } else if (options.body !== undefined) {
      init.body = JSON.stringify(options.body);
      headers.set('content-type', 'application/json');
    }
    const response = await fetch(`${this.url}${path}`, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
  }

  async login(username: string, password: string): Promise<string> {
    const answer = await this.request('POST', '/api/auth/login', { body: { username, password } });
    if (answer.status !== 200) throw new Error(`log-in of ${username}: ${answer.status} ${answer.text}`);
    return answer.json<{ access_token: string }>().access_token;
  }

  /** A token of the first admin; one log-in for each server. */
  async adminToken(): Promise<string> {
    this.token ??= await this.login('admin', ADMIN_PASSWORD);
    return this.token;
  }

  /** Makes a user of a role and logs them in. */
  async userToken(
    role: 'admin' | 'operator' | 'viewer',
    username: string = role,
  ): Promise<{ id: string; token: string }> {
    const password = `password of ${username}`;
    const made = await this.request('POST', '/api/users', {
      token: await this.adminToken(),
      body: { username, password, role },
    });
    if (made.status !== 201) throw new Error(`user ${username}: ${made.status} ${made.text}`);
    const { user_id } = made.json<{ user_id: string }>();
    return { id: user_id, token: await this.login(username, password) };
  }

  /** Process ids of the workers alive. */
  workerPids(): number[] {
    const children = Bun.spawnSync(['ps', '-o', 'pid=', '--ppid', String(this.child.pid)]).stdout.toString();
    return children
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 0);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    if (this.child.exitCode === null) this.child.kill(signal);
    return this.child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.removeData) rmSync(this.dataDir, { recursive: true, force: true });
  }

  private async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    const reader = stream.getReader();
    this.readers.push(reader);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      this.lines.push(...parts);
      for (const wake of [...this.waiting]) wake();
    }
  }
}

export interface RequestOptions {
  readonly token?: string;
  readonly apiKey?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
}

/** Embedded Redis without looking for a real one, and no limit that a test would meet by accident. */
const quietConfig: Record<string, Json> = {
  redis: { use_fake_redis: true },
  rate_limit: { max_requests: 1_000_000 },
  auth: { login_attempts_per_user: 100_000, login_attempts_per_address: 100_000 },
  log: { requests: false },
  server: { host: '127.0.0.1', drain_seconds: 0.2, shutdown_grace_seconds: 10 },
};

export function mergeConfig(
  base: Record<string, Json>,
  over: Record<string, Json> = {},
): Record<string, Json> {
  const sections = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...sections].map((name) => [name, { ...base[name], ...over[name] }]));
}

/** Starts the binary without waiting for it to be ready: for starts that must fail. */
export function spawnServer(options: ServerOptions = {}): RunningServer {
  const dataDir = options.dataDir ?? newFolder();
  const port = options.port ?? freePort();
  const configFile = join(options.dataDir ? newFolder() : dataDir, 'config.json');
  writeFileSync(configFile, JSON.stringify(mergeConfig(quietConfig, options.config)));
  const child = Bun.spawn(
    [
      options.binary ?? BINARY,
      'serve',
      ...['--config', configFile, '--port', String(port), '--workers', String(options.workers ?? 4)],
      ...['--data-dir', dataDir, ...(options.args ?? [])],
    ],
    {
      env: {
        PATH: Bun.env.PATH ?? '',
        HOME: tmpdir(),
        AO_ADMIN_PASSWORD: ADMIN_PASSWORD,
        ...options.env,
      },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    },
  );
  return new RunningServer(child, port, dataDir, configFile, options.dataDir === undefined);
}

/** Starts the binary and waits until all its workers listen. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const server = spawnServer(options);
  try {
    await server.logged((line) => line.msg === 'listening', 30_000);
  } catch (error) {
    await server.stop('SIGKILL');
    throw error;
  }
  return server;
}
