import { afterAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sqliteOpener } from '@test/support/databases.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { withoutWaiting } from '@test/support/wait.ts';
import { writeLead } from '@test/support/writer_process.ts';
import { sql } from 'kysely';
import type { Database } from '@/platform/db/database.ts';
import { migrate } from '@/platform/db/migrate.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { openSqlite } from '@/platform/db/sqlite/open.ts';
import { CommandFailure, StorageFull } from '@/platform/errors/problem.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { MIGRATIONS } from '@/server/composition.ts';

const open = sqliteOpener();

const countLeads = async (db: Database): Promise<number> => {
  const query = db.read.selectFrom('leads').select(({ fn }) => fn.countAll<number>().as('n'));
  return (await query.executeTakeFirstOrThrow()).n;
};

const pragma = async (db: Database, name: string, value: number): Promise<void> => {
  await db.write((trx) => sql.raw(`pragma ${name} = ${value}`).execute(trx));
};

const pages = async (db: Database): Promise<number> => {
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db.read);
  return rows[0]?.page_count ?? 0;
};

describe('a full disk', () => {
  test('fails those who meet it with 507, keeps what was acknowledged, and heals', async () => {
    const db = await open();
    await db.write((trx) => writeLead(trx, 'before'));
    await pragma(db, 'max_page_count', (await pages(db)) + 4);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 150 }, () => db.write((trx) => writeLead(trx, 'during'))),
    );
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refused.length).toBeGreaterThan(0);
    for (const reason of refused) expect(reason).toBeInstanceOf(StorageFull);
    expect(await countLeads(db)).toBe(1 + outcomes.length - refused.length);

    await pragma(db, 'max_page_count', 1_000_000);
    await db.write((trx) => writeLead(trx, 'after'));
    expect(await countLeads(db)).toBe(2 + outcomes.length - refused.length);
  });
});

describe('a transaction', () => {
  test('may take its time while its event loop turns', async () => {
    const db = await open();
    await db.write(async (trx) => {
      await Bun.sleep(20);
      await writeLead(trx, 'slow');
    });
    expect(await countLeads(db)).toBe(1);
  });

  test('is undone when it waits for what can never come, such as a transaction inside it', async () => {
    const folder = temporaryFolder();
    const options = { url: 'sqlite:x.sqlite3', paths: folder.paths, log: silentLogger, idleLimitMs: 50 };
    const db = await openSqlite(options);
    await migrate(db, MIGRATIONS, silentLogger);
    let inner: Promise<void> | undefined;
    const outer = db.write(async (trx) => {
      await writeLead(trx, 'outer');
      inner = db.write((other) => writeLead(other, 'inner'));
      await inner;
    });
    await expect(outer).rejects.toThrow('other than its own queries');
    await inner;
    const rows = await db.read.selectFrom('leads').select('source').execute();
    expect(rows).toEqual([{ source: 'inner' }]);
    await db.close();
    folder.remove();
  });

  test('comes in the order of asking', async () => {
    const db = await open();
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 500 }, (_, n) =>
        db.write(async (trx) => {
          await writeLead(trx, `n${n}`);
          order.push(n);
        }),
      ),
    );
    expect(order).toEqual(Array.from({ length: 500 }, (_, n) => n));
  });
});

describe('the lock of another program', () => {
  test('is waited for without blocking the event loop', async () => {
    const folder = temporaryFolder();
    const options = { url: 'sqlite:x.sqlite3', poolSize: 1, paths: folder.paths, log: silentLogger } as const;
    const [one, other] = [await openDatabase(options), await openDatabase(options)];
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun: () => void = () => undefined;
    const started = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const first = one.write(async () => {
      begun();
      await held;
    });
    await started;
    let done = false;
    const second = other.write(async () => {
      done = true;
    });
    await expect(withoutWaiting(second)).rejects.toThrow('had to wait');
    expect(done).toBe(false);
    release();
    await Promise.all([first, second]);
    expect(done).toBe(true);
    await Promise.all([one.close(), other.close()]);
    folder.remove();
  });
});

describe('opening', () => {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());
  const opening = (url: string, paths = folder.paths) =>
    openDatabase({ url, poolSize: 1, paths, log: silentLogger });

  test('says that a file is no database', async () => {
    writeFileSync(join(folder.path, 'letter.txt'), 'Dear reader, this is no database at all.'.repeat(50));
    const failure = await opening('sqlite:letter.txt').catch((error) => error);
    expect(failure).toBeInstanceOf(CommandFailure);
    expect(failure.message).toContain('letter.txt is not a sound SQLite database');
  });

  test('says which file cannot be opened', async () => {
    const failure = await opening('sqlite:run').catch((error) => error);
    expect(failure).toBeInstanceOf(CommandFailure);
    expect(failure.message).toContain(folder.paths.run);
  });

  test.each([
    ['sqlite:', 'names no file'],
    ['sqlite::memory:', 'names no file'],
    ['mysql://x', 'must start with'],
    ['sqlite:../x.db', 'outside the data folder'],
    ['sqlite:/elsewhere/x.db', 'outside the data folder'],
  ])('refuses %p', async (url, message) => {
    await expect(opening(url)).rejects.toThrow(message);
  });

  test('puts a relative file under the data folder and takes an absolute one as it is', async () => {
    for (const url of ['sqlite:sub/a.db', `sqlite:${folder.path}/b.db`, `sqlite://${folder.path}/c.db`]) {
      await (await opening(url)).close();
    }
    for (const file of ['sub/a.db', 'b.db', 'c.db']) {
      expect(await Bun.file(join(folder.path, file)).exists()).toBe(true);
    }
  });
});
