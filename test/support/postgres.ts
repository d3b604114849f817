/**
 * A private PostgreSQL for the tests of one process: its own folder, a port nobody else uses, no durability. It
 * starts with the first database asked for, and ends with this process, however that ends.
 */
import { chownSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './server.ts';
import { until } from './wait.ts';

const PROGRAMS = ['/usr/lib/postgresql/17/bin', '/usr/lib/postgresql/16/bin', '/usr/lib/postgresql/15/bin'];

/** Where PostgreSQL's programs are, or null when it is not installed. */
const findPrograms = (): string | null => {
  const initdb = Bun.which('initdb', { PATH: [...PROGRAMS, Bun.env.PATH ?? ''].join(':') });
  return initdb && join(initdb, '..');
};

export const postgresInstalled = findPrograms() !== null;

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
  const programs = findPrograms();
  if (!programs) throw new Error('PostgreSQL is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'ao-pg-'));
  const asUser = unprivileged(folder);
  const data = join(folder, 'data');
  const initdb = Bun.spawnSync(
    [
      ...asUser,
      join(programs, 'initdb'),
      '-D',
      data,
      '-U',
      'tester',
      '--auth=trust',
      '--no-sync',
      '-E',
      'UTF8',
    ],
    { stdout: 'pipe', stderr: 'pipe', cwd: folder },
  );
  if (initdb.exitCode !== 0) throw new Error(`initdb failed: ${initdb.stderr.toString()}`);
  const port = freePort();
  const settings = [
    'fsync=off',
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
  ];
  const postgres = [
    join(programs, 'postgres'),
    '-D',
    data,
    ...settings.flatMap((setting) => ['-c', setting]),
  ];
  // The shell outlives neither the server nor this process: the end of its input is the end of us.
  const guard =
    'folder=$1; shift; "$@" >"$folder/log" 2>&1 & pid=$!; cat >/dev/null; kill -QUIT $pid; wait $pid; rm -rf "$folder"';
  const child = Bun.spawn(['sh', '-c', guard, 'sh', folder, ...asUser, ...postgres], {
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
    cwd: folder,
  });
  child.unref();
  const admin = new pg.Pool({ connectionString: urlOf(port, 'postgres'), max: 2, idleTimeoutMillis: 1 });
  admin.on('error', () => undefined);
  await until(() => admin.query('select 1'), { timeoutMs: 20_000, what: `PostgreSQL in ${folder}` });
  return { port, admin };
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
