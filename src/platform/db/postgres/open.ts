/** A PostgreSQL database behind a pool of connections. */
import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type QueryResult } from 'kysely';
import pg from 'pg';
import { CommandFailure, messageOf, Unavailable } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Database, Transaction } from '../database.ts';
import { dialectParts, kyselyOver, StatementExecutor } from '../executor.ts';
import { translated } from './errors.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** A server that is cut off or hangs cannot keep to its own statement_timeout: then this one, a little longer, ends the wait. */
const ANSWER_TIMEOUT_MS = 65_000;
const SESSION = [
  'set synchronous_commit = on',
  "set statement_timeout = '60s'",
  "set lock_timeout = '15s'",
  "set idle_in_transaction_session_timeout = '60s'",
].join('; ');

const parts = dialectParts({
  name: 'postgres',
  adapter: new PostgresAdapter(),
  compiler: new PostgresQueryCompiler(),
  introspector: (db) => new PostgresIntrospector(db),
});

const INT8 = 20;
const NUMERIC = 1700;
/** 64-bit integers and sums come as numbers, as from SQLite: times in milliseconds and counts fit exactly. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === INT8 || oid === NUMERIC ? Number : pg.types.getTypeParser(oid, format),
};

/** A statement worth keeping prepared has a name, the same one on every connection. */
const names = new Map<string, string>();
const nameOf = (sql: string): string => {
  const known = names.get(sql);
  if (known) return known;
  const name = `ao_${names.size + 1}`;
  names.set(sql, name);
  return name;
};

type Queries = Pick<pg.ClientBase, 'query'>;

async function run(
  client: Queries,
  sql: string,
  parameters: readonly unknown[],
  hot: boolean,
): Promise<QueryResult<unknown>> {
  const values = parameters as unknown[];
  const query = hot ? { name: nameOf(sql), text: sql, values } : { text: sql, values };
  const { rows, rowCount } = await client.query(query);
  return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
}

interface PostgresOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly log: Logger;
}

const FORM = 'postgres://user:password@host:port/name';

/** What is wrong with a URL, as far as it can be told without connecting; null when nothing is. Never repeats it. */
export function postgresUrlFault(url: string): string | null {
  try {
    new pg.Client({ connectionString: url });
    return null;
  } catch (error) {
    // A file of certificates that the URL names; anything else may quote the URL.
    if (error instanceof Error && 'path' in error) return `database.url: ${error.message}`;
    return `database.url is not of the form ${FORM} (write special characters of the password as %40 for @, %2F for /)`;
  }
}

/** Connects once, so that a wrong address or password is told at start-up. */
export async function openPostgres({ url, poolSize, log }: PostgresOptions): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    types,
    application_name: 'automation-orchestrator',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    onConnect: async (client) => void (await client.query(SESSION)),
  });
  // A connection that breaks while idle: the pool replaces it.
  pool.on('error', (error) => log.warn('database: idle connection lost', { error: messageOf(error) }));
  await firstConnection(pool, url);
  const readers = new StatementExecutor(
    parts,
    (sql, parameters, hot) =>
      run(pool, sql, parameters, hot).catch((error) => Promise.reject(translated(error))),
    false,
  );
  let closed = false;
  return {
    dialect: 'postgres',
    read: kyselyOver(parts, readers),
    write: (work) =>
      closed ? Promise.reject(new Unavailable('The database is closed.')) : transaction(pool, work),
    ping: async () =>
      void (await run(pool, 'select 1', [], true).catch((error) => Promise.reject(translated(error)))),
    close: async () => {
      if (closed) return;
      closed = true;
      await pool.end();
      readers.end();
    },
  };
}

async function firstConnection(pool: pg.Pool, url: string): Promise<void> {
  try {
    await pool.query('select 1');
  } catch (error) {
    await pool.end();
    const { host, port, database } = new pg.Client({ connectionString: url });
    const where = `${host}:${port}${database ? `/${database}` : ''}`;
    throw new CommandFailure(`the PostgreSQL database at ${where} does not answer: ${messageOf(error)}`, 1, {
      cause: error,
    });
  }
}

async function transaction<T>(pool: pg.Pool, work: (trx: Transaction) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error) => Promise.reject(translated(error)));
  const executor = new StatementExecutor(
    parts,
    (sql, parameters, hot) => run(client, sql, parameters, hot),
    true,
  );
  let broken: Error | undefined;
  const fail = (error: unknown): void => {
    broken = error instanceof Error ? error : new Error(messageOf(error));
  };
  client.on('error', fail);
  try {
    await client.query('begin');
    const value = await work(kyselyOver(parts, executor));
    executor.end();
    if (executor.failed) throw executor.failed.error;
    await client.query('commit');
    return value;
  } catch (error) {
    executor.end();
    await client.query('rollback').catch(fail);
    throw translated(error);
  } finally {
    client.off('error', fail);
    client.release(broken);
  }
}
