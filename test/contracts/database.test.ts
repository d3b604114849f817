/** What every store may count on, whichever database is behind it. */

import { expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { sql } from 'kysely';
import type { Database, Transaction } from '@/platform/db/database.ts';
import { migrate, requireCurrentSchema } from '@/platform/db/migrate.ts';
import { prepareForms, prepareRead, prepareWrite } from '@/platform/db/prepared.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { MIGRATIONS } from '@/server/composition.ts';

const put = (trx: Transaction, name: string, holder = 'me', expires_at = 1) =>
  trx.insertInto('leases').values({ name, holder, expires_at }).execute();

const names = async (db: Database): Promise<string[]> => {
  const rows = await db.read.selectFrom('leases').select('name').orderBy('name').execute();
  return rows.map(({ name }) => name);
};

forEachDatabase('a database', (open) => {
  test('shows a write to readers once it was acknowledged', async () => {
    const db = await open();
    await db.write((trx) => put(trx, 'a'));
    expect(await names(db)).toEqual(['a']);
    await db.ping();
  });

  test('answers a write with what its work answers, and shows it its own changes', async () => {
    const db = await open();
    const seen = await db.write(async (trx) => {
      await put(trx, 'a');
      return trx.selectFrom('leases').select('name').execute();
    });
    expect(seen).toEqual([{ name: 'a' }]);
  });

  test('undoes a work that throws, and only this one', async () => {
    const db = await open();
    const works = ['a', 'b', 'c', 'd'].map((name) =>
      db.write(async (trx) => {
        await put(trx, name);
        if (name === 'b') throw new Error('changed my mind');
        return name;
      }),
    );
    const outcomes = await Promise.allSettled(works);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(await names(db)).toEqual(['a', 'c', 'd']);
  });

  test('undoes a work whose query failed, even if the work caught the error', async () => {
    const db = await open();
    await db.write((trx) => put(trx, 'taken'));
    const work = db.write(async (trx) => {
      await put(trx, 'new');
      await put(trx, 'taken').catch(() => undefined);
    });
    const other = db.write((trx) => put(trx, 'other'));
    await expect(work).rejects.toThrow();
    await other;
    expect(await names(db)).toEqual(['other', 'taken']);
  });

  test('keeps all of 300 writes made at once', async () => {
    const db = await open();
    await Promise.all(Array.from({ length: 300 }, (_, n) => db.write((trx) => put(trx, `n${n}`))));
    expect(await names(db)).toHaveLength(300);
  });

  test('refuses a query that comes after the end of its transaction', async () => {
    const db = await open();
    let kept: Transaction | undefined;
    await db.write(async (trx) => {
      kept = trx;
    });
    await expect(put(kept as Transaction, 'late')).rejects.toThrow('after the end of its transaction');
    expect(await names(db)).toEqual([]);
  });

  test("refuses Kysely's own transactions, which would bypass the write turn", async () => {
    const db = await open();
    await expect((db.read as Transaction).transaction().execute((trx) => put(trx, 'a'))).rejects.toThrow(
      'Database.write',
    );
  });

  test('refuses work after close', async () => {
    const db = await open();
    await db.close();
    await expect(db.write((trx) => put(trx, 'a'))).rejects.toMatchObject({ status: 503 });
    await expect(names(db)).rejects.toThrow();
    await db.close();
  });

  test('answers how many rows a change met', async () => {
    const db = await open();
    const met = await db.write(async (trx) => {
      await put(trx, 'a');
      await put(trx, 'b');
      const updated = await trx.updateTable('leases').set({ holder: 'you' }).executeTakeFirst();
      const deleted = await trx.deleteFrom('leases').where('name', '=', 'a').executeTakeFirst();
      const skipped = await trx
        .insertInto('leases')
        .values({ name: 'b', holder: 'x', expires_at: 0 })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirst();
      return [updated.numUpdatedRows, deleted.numDeletedRows, skipped.numInsertedOrUpdatedRows];
    });
    expect(met).toEqual([2n, 1n, 0n]);
  });

  test('gives times, counts and sums as numbers', async () => {
    const db = await open();
    const time = 1_790_000_000_123;
    await db.write((trx) => put(trx, 'a', 'me', time));
    const row = await db.read
      .selectFrom('leases')
      .select(({ fn }) => [
        fn.max('expires_at').as('max'),
        fn.countAll().as('n'),
        fn.sum('expires_at').as('sum'),
      ])
      .executeTakeFirstOrThrow();
    expect(row).toEqual({ max: time, n: 1, sum: time });
  });

  test('orders text byte by byte', async () => {
    const db = await open();
    await db.write(async (trx) => {
      for (const name of ['b', 'B', 'a-1', 'a', 'é', 'a1']) await put(trx, name);
    });
    expect(await names(db)).toEqual(['B', 'a', 'a-1', 'a1', 'b', 'é']);
  });

  test('runs a prepared query with other parameters each time', async () => {
    const db = await open();
    const insert = prepareWrite<{ name: string; holder: string }>((kysely, param) =>
      kysely.insertInto('leases').values({ name: param('name'), holder: param('holder'), expires_at: 7 }),
    );
    const find = prepareRead<{ holder: string }, { name: string; expires_at: number }>((kysely, param) =>
      kysely.selectFrom('leases').select(['name', 'expires_at']).where('holder', '=', param('holder')),
    );
    await db.write(async (trx) => {
      await insert(trx, { name: 'a', holder: 'x' });
      await insert(trx, { name: 'b', holder: 'y' });
      expect(await find(trx, { holder: 'y' })).toEqual([{ name: 'b', expires_at: 7 }]);
    });
    expect(await find(db.read, { holder: 'x' })).toEqual([{ name: 'a', expires_at: 7 }]);
    expect(await find(db.read, { holder: 'z' })).toEqual([]);
  });

  test('takes the form of a prepared query from the parameters that are given', async () => {
    const db = await open();
    const find = prepareForms<{ holder?: string | undefined; most?: number }, { name: string }>(
      (kysely, { given, param }) => {
        let query = kysely.selectFrom('leases').select('name').orderBy('name');
        if (given('holder')) query = query.where('holder', '=', param('holder'));
        if (given('most')) query = query.limit(param('most'));
        return query;
      },
    );
    await db.write((trx) =>
      trx
        .insertInto('leases')
        .values(['a', 'b', 'c'].map((name) => ({ name, holder: name === 'a' ? 'x' : 'y', expires_at: 7 })))
        .execute(),
    );
    const found = async (params: Parameters<typeof find>[1]) =>
      (await find(db.read, params)).map(({ name }) => name).join('');
    expect(await found({})).toBe('abc');
    expect(await found({ holder: 'y' })).toBe('bc');
    expect(await found({ holder: 'y', most: 1 })).toBe('b');
    expect(await found({ holder: undefined, most: 2 })).toBe('ab');
    expect(await found({ holder: 'x' })).toBe('a');
  });

  test('migrates once, also when four processes start together', async () => {
    const db = await open({ migrated: false });
    await Promise.all([1, 2, 3, 4].map(() => migrate(db, MIGRATIONS, silentLogger)));
    const { rows } = await sql<{ id: string }>`select id from migrations`.execute(db.read);
    const ids = MIGRATIONS.map(({ id }) => id).sort();
    expect(rows.map(({ id }) => id).sort()).toEqual(ids);
  });

  test('takes a database of the first release as one that has had what that release did in one migration', async () => {
    const db = await open();
    await db.write(async (trx) => {
      const split = MIGRATIONS.filter(({ partOf }) => partOf !== undefined).map(({ id }) => id);
      for (const id of split) await sql`delete from migrations where id = ${id}`.execute(trx);
      await sql`insert into migrations (id, applied_at) values ('2026_11_24_foundations', 1)`.execute(trx);
    });
    await migrate(db, MIGRATIONS, silentLogger);
    await requireCurrentSchema(db, MIGRATIONS);
  });

  test('refuses a database that a newer version has migrated', async () => {
    const db = await open();
    await db.write((trx) =>
      sql`insert into migrations (id, applied_at) values ('2999_01_01_wonders', 1)`.execute(trx),
    );
    await expect(migrate(db, MIGRATIONS, silentLogger)).rejects.toThrow('2999_01_01_wonders');
  });

  test('tells a program beside the server whether the schema is its own', async () => {
    const db = await open({ migrated: false });
    await expect(requireCurrentSchema(db, MIGRATIONS)).rejects.toThrow(
      'start the server of this version once',
    );
    await migrate(db, MIGRATIONS, silentLogger);
    await requireCurrentSchema(db, MIGRATIONS);
    await db.write((trx) =>
      sql`insert into migrations (id, applied_at) values ('2999_01_01_wonders', 1)`.execute(trx),
    );
    await expect(requireCurrentSchema(db, MIGRATIONS)).rejects.toThrow('newer version');
  });

  test('refuses an API key of a user who does not exist', async () => {
    const db = await open();
    const orphan = db.write((trx) =>
      trx
        .insertInto('api_keys')
        .values({
          id: 'k',
          user_id: 'nobody',
          name: 'k',
          key_hash: 'h',
          prefix: 'ao_',
          role: 'viewer',
          created_at: 1,
          expires_at: null,
          last_used_at: null,
          revoked_at: null,
        })
        .execute(),
    );
    await expect(orphan).rejects.toThrow(/foreign key/i);
  });
});
