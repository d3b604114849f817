/**
 * A private Redis on a private port and folder: `await using redis = await startRedis()`. Suites that need one are
 * described with `describeWithRedis`: where redis-server is not installed they are skipped by name, unless
 * REQUIRE_SERVICES=1, which makes that a failure.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisOptions as ClientOptions, Redis } from 'ioredis';
import { describeWith } from './services.ts';
import { until } from './wait.ts';

const installed = Bun.which('redis-server') !== null;

/** The suite runs where redis-server is installed. */
export function describeWithRedis(name: string, suite: () => void): void {
  describeWith('redis-server', installed, name, suite);
}

/** A port that was free a moment ago. */
export function freeRedisPort(): number {
  // Cluster nodes listen on their port plus 10000 as well.
  for (;;) {
    const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
    const { port } = listener;
    listener.stop(true);
    if (port < 50_000) return port;
    const low = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      Bun.listen({ hostname: '127.0.0.1', port: low, socket: { data: () => undefined } }).stop(true);
      return low;
    } catch {
      // Taken: try another.
    }
  }
}

export interface RedisOptions {
  /** The same port again, for a Redis that returns. */
  readonly port?: number;
  /** Further arguments of redis-server. */
  readonly args?: readonly string[];
  /** As `redis-server --sentinel FILE`: the content of the file. */
  readonly sentinel?: string;
  /** How the control client connects, where a password or TLS is needed. */
  readonly connect?: ClientOptions;
}

export class PrivateRedis implements AsyncDisposable {
  constructor(
    readonly port: number,
    readonly folder: string,
    private readonly options: RedisOptions,
    private child: Bun.Subprocess,
    /** A client without prefix, for looking and meddling. */
    readonly control: Redis,
  ) {}

  /** As a crash would: at once, nothing said. */
  async kill(): Promise<void> {
    this.control.disconnect();
    this.child.kill('SIGKILL');
    await this.child.exited;
  }

  /** A new, empty server on the same port. */
  async again(): Promise<PrivateRedis> {
    return startRedis({ ...this.options, port: this.port });
  }

  /** Stops the process so that it neither answers nor closes anything; `thaw` lets it go on. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Ready to answer when it returns. */
export async function startRedis(options: RedisOptions = {}): Promise<PrivateRedis> {
  const port = options.port ?? freeRedisPort();
  const folder = mkdtempSync(join(tmpdir(), 'ao-redis-'));
  const common = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--enable-debug-command', 'yes'];
  let command = ['redis-server', '--port', String(port), '--dir', folder, ...common, ...(options.args ?? [])];
  if (options.sentinel !== undefined) {
    const file = join(folder, 'sentinel.conf');
    await Bun.write(file, `port ${port}\nbind 127.0.0.1\ndir ${folder}\n${options.sentinel}\n`);
    command = ['redis-server', file, '--sentinel'];
  }
  const child = Bun.spawn(command, { stdout: Bun.file(join(folder, 'log')), stderr: 'inherit' });
  const control = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    ...options.connect,
  });
  control.on('error', () => undefined);
  try {
    await until(() => control.status === 'ready' || child.exitCode !== null, { what: 'redis-server ready' });
    if (child.exitCode !== null) throw new Error(await Bun.file(join(folder, 'log')).text());
  } catch (error) {
    control.disconnect();
    child.kill('SIGKILL');
    throw error;
  }
  return new PrivateRedis(port, folder, options, child, control);
}
