/**
 * A private PostgreSQL for the tests of one process: its own folder, a port nobody else uses, no durability. It
 * starts with the first database asked for, and ends with this process, however that ends.
 */
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './server.ts';
import { describeWith } from './services.ts';
import { until } from './wait.ts';

const PROGRAMS = ['/usr/lib/postgresql/17/bin', '/usr/lib/postgresql/16/bin', '/usr/lib/postgresql/15/bin'];

/** Where PostgreSQL's programs are, or null when it is not installed. */
const findPrograms = (): string | null => {
  const initdb = Bun.which('initdb', { PATH: [...PROGRAMS, Bun.env.PATH ?? ''].join(':') });
  return initdb && join(initdb, '..');
};

const postgresInstalled = findPrograms() !== null;

/** The suite runs where PostgreSQL is installed; elsewhere it is skipped by name, or fails under REQUIRE_SERVICES=1. */
export function describeWithPostgres(name: string, suite: () => void): void {
  describeWith('PostgreSQL', postgresInstalled, name, suite);
}

interface Server {
  readonly port: number;
  readonly admin: pg.Pool;
}

let server: Promise<Server> | null = null;
let databases = 0;

/** The URL of a new, empty database. */
export async function newPostgresDatabase(): Promise<string> {
  server ??= start();
  const { port, admin } = await server;
  const name = `test_${++databases}`;
  await admin.query(`create database ${name}`);
  return urlOf(port, name);
}

/** Ends every connection to the database at `url`, as a restart of the server would. */
export async function cutConnections(url: string): Promise<void> {
  server ??= start();
  const { admin } = await server;
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
    new URL(url).pathname.slice(1),
  ]);
}

const urlOf = (port: number, name: string): string => `postgres://tester@127.0.0.1:${port}/${name}`;

async function start(): Promise<Server> {
  const postgres = new PrivatePostgres();
  await postgres.start();
  const { port } = postgres;
  return { port, admin: await adminOf(port, postgres.folder) };
}

async function adminOf(port: number, folder: string): Promise<pg.Pool> {
  const admin = new pg.Pool({ connectionString: urlOf(port, 'postgres'), max: 2, idleTimeoutMillis: 1 });
  admin.on('error', () => undefined);
  await until(() => admin.query('select 1'), { timeoutMs: 20_000, what: `PostgreSQL in ${folder}` });
  return admin;
}

/** A PostgreSQL that can be stopped and started again on its port, its data kept. Ends with this process at the latest. */
export class PrivatePostgres {
  readonly port = freePort();
  readonly folder = mkdtempSync(join(tmpdir(), 'ao-pg-'));
  private readonly programs: string;
  private readonly asUser: string[];
  private child: Bun.Subprocess<'pipe', 'ignore', 'ignore'> | null = null;

  constructor() {
    const programs = findPrograms();
    if (!programs) throw new Error('PostgreSQL is not installed');
    this.programs = programs;
    this.asUser = unprivileged(this.folder);
    const options = ['-D', this.data, '-U', 'tester', '--auth=trust', '--no-sync', '-E', 'UTF8'];
    const made = Bun.spawnSync([...this.asUser, join(programs, 'initdb'), ...options], {
      stdout: 'pipe',
      stderr: 'pipe',
      cwd: this.folder,
    });
    if (made.exitCode !== 0) throw new Error(`initdb failed: ${made.stderr.toString()}`);
  }

  /** The URL of the database that every PostgreSQL has. */
  get url(): string {
    return urlOf(this.port, 'postgres');
  }

  /** Answers queries when it returns. */
  async start(): Promise<void> {
    const settings = [
      'fsync=off',
      `port=${this.port}`,
      'listen_addresses=127.0.0.1',
      `unix_socket_directories=${this.folder}`,
      // Suites close their databases at their end, not after each test.
      'max_connections=400',
    ];
    const postgres = [join(this.programs, 'postgres'), '-D', this.data];
    // The shell outlives neither the server nor this process: the end of its input is the end of us.
    const guard =
      'folder=$1; shift; "$@" >>"$folder/log" 2>&1 & pid=$!; cat >/dev/null; kill -QUIT $pid; wait $pid; ' +
      '[ "$(cat "$folder/keep" 2>/dev/null)" ] || rm -rf "$folder"';
    this.keep(false);
    this.child = Bun.spawn(
      [
        'sh',
        '-c',
        guard,
        'sh',
        this.folder,
        ...this.asUser,
        ...postgres,
        ...settings.flatMap((s) => ['-c', s]),
      ],
      { stdin: 'pipe', stdout: 'ignore', stderr: 'ignore', cwd: this.folder },
    );
    this.child.unref();
    await (await adminOf(this.port, this.folder)).end();
  }

  /** As a crash would: every connection breaks, and nobody listens. */
  async stop(): Promise<void> {
    this.keep(true);
    await this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.keep(false);
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async end(): Promise<void> {
    this.child?.stdin.end();
    await this.child?.exited;
    this.child = null;
  }

  private keep(yes: boolean): void {
    writeFileSync(join(this.folder, 'keep'), yes ? 'yes' : '');
  }

  private get data(): string {
    return join(this.folder, 'data');
  }
}

/** PostgreSQL refuses to run as root: then it runs as the user its package made, or as nobody. */
function unprivileged(folder: string): string[] {
  if (process.getuid?.() !== 0) return [];
  const id = (flag: string, user: string): number | null => {
    const result = Bun.spawnSync(['id', flag, user]);
    return result.exitCode === 0 ? Number(result.stdout.toString()) : null;
  };
  const user = id('-u', 'postgres') === null ? 'nobody' : 'postgres';
  const [uid, gid] = [id('-u', user) ?? 65_534, id('-g', user) ?? 65_534];
  chownSync(folder, uid, gid);
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
}
