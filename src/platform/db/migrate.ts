/**
 * Brings a database to the schema of this program: forward only, all missing migrations in one transaction, one
 * process at a time. A database that knows more than this program is refused and left untouched.
 */
import { sql } from 'kysely';
import { CommandFailure, Problem } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { now } from '@/platform/time/clock.ts';
import type { Database, Reader, Transaction } from './database.ts';
import { columnTypes, type Migration } from './migrations/migration.ts';

/** Any number that only this program uses: the key of PostgreSQL's advisory lock. */
const LOCK_KEY = 4_117_201_126;

/** How long a start waits before it looks again whether another server has migrated. */
const LOOK_MS = 1_000;

/** Resolves when `db` has had all `migrations`. Safe to call from many processes at once. */
export async function migrate(db: Database, migrations: readonly Migration[], log: Logger): Promise<void> {
  for (let waited = 0; !(await migrated(db, migrations, log)); waited += 1) {
    if (waited === 0) log.info('another server is migrating the database, waiting for it');
    await Bun.sleep(LOOK_MS);
  }
}

/** False when another process is at it: to wait inside PostgreSQL would run into the time-outs of a session. */
async function migrated(db: Database, migrations: readonly Migration[], log: Logger): Promise<boolean> {
  const applied = await db.write(async (trx) => {
    // On SQLite the write transaction is the lock.
    if (db.dialect === 'postgres' && !(await lock(trx))) return null;
    const { text, whole } = columnTypes(db.dialect);
    await sql
      .raw(
        `create table if not exists migrations (id ${text} primary key not null, applied_at ${whole} not null)`,
      )
      .execute(trx);
    const missing = missingFrom(migrations, await appliedIds(trx));
    for (const migration of missing) {
      for (const statement of migration.statements(columnTypes(db.dialect), db.dialect)) {
        await sql.raw(statement).execute(trx);
      }
      await migration.apply?.(trx);
      await sql`insert into migrations (id, applied_at) values (${migration.id}, ${now()})`.execute(trx);
    }
    return missing.map(({ id }) => id);
  });
  if (applied === null) return false;
  if (applied.length > 0) log.info('database migrated', { migrations: applied });
  return true;
}

/** Until the end of the transaction, which may take as long as its tables are large. */
async function lock(trx: Transaction): Promise<boolean> {
  await sql`set local statement_timeout = 0`.execute(trx);
  const { rows } = await sql<{ mine: boolean }>`
    select pg_try_advisory_xact_lock(${sql.lit(LOCK_KEY)}) as mine`.execute(trx);
  return rows[0]?.mine === true;
}

/**
 * For programs beside the server, which must not change the schema under it. Throws CommandFailure unless it is the
 * one of this program.
 */
export async function requireCurrentSchema(db: Database, migrations: readonly Migration[]): Promise<void> {
  const applied = await appliedIds(db.read).catch((error) => {
    // A full disk or a database that is away is another trouble than a missing table.
    if (error instanceof Problem) throw error;
    return [];
  });
  const missing = missingFrom(migrations, applied);
  if (missing.length === 0) return;
  throw new CommandFailure(
    'the database does not have the schema of this version: start the server of this version once to migrate it',
  );
}

async function appliedIds(trx: Reader): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select id from migrations order by id`.execute(trx);
  return rows.map(({ id }) => id);
}

/** In the order of their ids. Throws CommandFailure when the database has had one that this program does not know. */
function missingFrom(migrations: readonly Migration[], applied: readonly string[]): Migration[] {
  const known = new Set(migrations.flatMap(({ id, partOf }) => (partOf === undefined ? [id] : [id, partOf])));
  const unknown = applied.filter((id) => !known.has(id));
  if (unknown.length > 0) {
    throw new CommandFailure(
      `the database was written by a newer version of this program (it has ${unknown.join(', ')}): ` +
        'use that version, or restore a backup from before the upgrade',
    );
  }
  return migrations
    .filter(({ id, partOf }) => ![id, partOf].some((each) => each !== undefined && applied.includes(each)))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
