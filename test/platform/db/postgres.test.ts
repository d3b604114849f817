import { afterAll, expect, test } from 'bun:test';
import { temporaryFolder } from '@test/support/folder.ts';
import { cutConnections, describeWithPostgres, newPostgresDatabase } from '@test/support/postgres.ts';
import { freePort } from '@test/support/server.ts';
import { type Kysely, sql } from 'kysely';
import { migrate } from '@/platform/db/migrate.ts';
import { openDatabase } from '@/platform/db/open.ts';
import type { Tables } from '@/platform/db/tables.ts';
import { CommandFailure, InvalidRequest, StorageFull, Unavailable } from '@/platform/errors/problem.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { MIGRATIONS } from '@/server/composition.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const open = (url: string) => openDatabase({ url, poolSize: 4, paths: folder.paths, log: silentLogger });

const setHolder = (db: Kysely<Tables>, name: string, holder: string) =>
  db.updateTable('leases').set({ holder }).where('name', '=', name).execute();

test('an address where nothing listens is told without the password', async () => {
  const failure = await open(`postgres://u:hush@127.0.0.1:${freePort()}/x`).catch((error) => error);
  expect(failure).toBeInstanceOf(CommandFailure);
  expect(failure.message).toMatch(/127\.0\.0\.1:\d+\/x does not answer/);
  expect(failure.message).not.toContain('hush');
});

describeWithPostgres('PostgreSQL', () => {
  test('serves again after its connections were cut', async () => {
    const url = await newPostgresDatabase();
    const db = await open(url);
    await migrate(db, MIGRATIONS, silentLogger);
    const cut = db.write(async (trx) => {
      await setHolder(trx, 'a', 'b');
      await cutConnections(url);
      await setHolder(trx, 'a', 'c');
    });
    await expect(cut).rejects.toBeInstanceOf(Unavailable);
    await db.ping();
    await db.write((trx) => setHolder(trx, 'a', 'd'));
    await db.close();
  });

  test('tells one of two transactions in a deadlock to try again', async () => {
    const db = await open(await newPostgresDatabase());
    await migrate(db, MIGRATIONS, silentLogger);
    await db.write((trx) =>
      trx
        .insertInto('leases')
        .values(['a', 'b'].map((name) => ({ name, holder: 'x', expires_at: 1 })))
        .execute(),
    );
    let arrived = 0;
    let openGate: () => void = () => undefined;
    const both = new Promise<void>((resolve) => {
      openGate = resolve;
    });
    const crossing = (first: string, second: string) =>
      db.write(async (trx) => {
        await setHolder(trx, first, 'y');
        if (++arrived === 2) openGate();
        await both;
        await setHolder(trx, second, 'y');
      });
    const outcomes = await Promise.allSettled([crossing('a', 'b'), crossing('b', 'a')]);
    const losers = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(losers).toHaveLength(1);
    expect(losers[0]).toBeInstanceOf(Unavailable);
    expect(losers[0].headers).toEqual({ 'retry-after': '1' });
    await db.close();
  });

  test('refuses text it cannot store as the fault of the request', async () => {
    const db = await open(await newPostgresDatabase());
    const select = sql`select ${'a\0b'}::text`.execute(db.read);
    await expect(select).rejects.toBeInstanceOf(InvalidRequest);
    await db.close();
  });

  test('answers 507 for what PostgreSQL calls a full disk', async () => {
    const db = await open(await newPostgresDatabase());
    const raise = `do $$ begin raise exception 'No space left' using errcode = '53100'; end $$`;
    await expect(db.write((trx) => sql.raw(raise).execute(trx))).rejects.toBeInstanceOf(StorageFull);
    await db.close();
  });

  test('commits durably', async () => {
    const db = await open(await newPostgresDatabase());
    const { rows } = await sql`show synchronous_commit`.execute(db.read);
    expect(rows).toEqual([{ synchronous_commit: 'on' }]);
    await db.close();
  });
});
