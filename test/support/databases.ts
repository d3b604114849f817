/**
 * The same tests on both databases: `forEachDatabase('leads', (open) => { test(…) })`. Without PostgreSQL on the
 * machine its half is skipped visibly, or fails where REQUIRE_SERVICES=1 asks for all services.
 */

import { afterAll, describe } from 'bun:test';
import type { Database } from '@/platform/db/database.ts';
import { migrate } from '@/platform/db/migrate.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { MIGRATIONS } from '@/server/composition.ts';
import { temporaryFolder } from './folder.ts';
import { describeWithPostgres, newPostgresDatabase } from './postgres.ts';

interface OpenOptions {
  /** Leave the database empty. */
  readonly migrated?: boolean;
}

/** A new database with all tables; closed and removed after the tests of its block. */
export type OpenDatabase = (options?: OpenOptions) => Promise<Database>;

export function forEachDatabase(name: string, define: (open: OpenDatabase) => void): void {
  describe(`${name} on SQLite`, () => define(opener(async () => 'sqlite:test.sqlite3')));
  describeWithPostgres(`${name} on PostgreSQL`, () => define(opener(newPostgresDatabase)));
}

/** A SQLite database in a folder of its own, for tests that need no more than any database. */
export function sqliteOpener(): OpenDatabase {
  return opener(async () => 'sqlite:test.sqlite3');
}

function opener(newUrl: () => Promise<string>): OpenDatabase {
  const leftovers: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const clear of leftovers.splice(0)) await clear();
  });
  return async ({ migrated = true } = {}) => {
    const folder = temporaryFolder();
    const db = await openDatabase({
      url: await newUrl(),
      poolSize: 4,
      paths: folder.paths,
      log: silentLogger,
      turns: 'local',
    });
    leftovers.push(async () => {
      await db.close();
      folder.remove();
    });
    if (migrated) await migrate(db, MIGRATIONS, silentLogger);
    return db;
  };
}
