import { expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { engineConfig } from '@test/support/engine.ts';
import { until } from '@test/support/wait.ts';
import type { Database } from '@/platform/db/database.ts';
import { Idempotency } from '@/platform/idempotency/idempotency.ts';
import { cleanupJob } from '@/platform/jobs/cleanup.ts';
import { createLogger } from '@/platform/log/log.ts';
import { holdStill, now } from '@/platform/time/clock.ts';

/** A log that can be read, and a clean-up that begins at once. */
function cleanupOf(db: Database, work: Record<string, (signal: AbortSignal) => Promise<number>>) {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ write: (line) => void lines.push(JSON.parse(line)) });
  const putBack = holdStill({ random: () => 0 });
  const tasks = Object.entries(work).map(([name, run]) => ({ name, run }));
  const cleanup = cleanupJob({ db, log, tasks });
  cleanup.start();
  putBack();
  return { cleanup, lines };
}

const leases = (db: Database) => db.read.selectFrom('leases').select('name').execute();

forEachDatabase('clean-up', (open) => {
  test('removes all that has had its time, however much there is, and nothing else', async () => {
    const db = await open();
    const row = (key: number, expires_at: number) => ({
      scope: 'u POST /api/leads',
      key: `k${key}`,
      request_hash: 'h',
      response: '{}',
      subject_id: null,
      created_at: 0,
      expires_at,
    });
    const rows = [
      ...Array.from({ length: 450 }, (_, key) => row(key, 1 + key)),
      ...Array.from({ length: 30 }, (_, key) => row(1_000 + key, now() + 60_000)),
    ];
    await db.write((trx) => trx.insertInto('idempotency_keys').values(rows).execute());
    const idempotency = new Idempotency({ db, config: engineConfig() });
    const { cleanup, lines } = cleanupOf(db, {
      'idempotency keys': (signal) => idempotency.prune(signal),
    });
    await until(() => lines.length > 0);
    expect(lines).toMatchObject([{ msg: 'cleaned up', task: 'idempotency keys', removed: 450 }]);
    expect(await db.read.selectFrom('idempotency_keys').select('key').execute()).toHaveLength(30);
    await cleanup.stop();
    expect(await leases(db)).toEqual([]);
  });

  test('is done by one process at a time, and ends early when it is told to stop', async () => {
    const db = await open();
    const started = Promise.withResolvers<AbortSignal>();
    const first = cleanupOf(db, {
      long: async (signal) => {
        started.resolve(signal);
        while (!signal.aborted) await Bun.sleep(5);
        return 1;
      },
    });
    const signal = await started.promise;
    let second = 0;
    const other = cleanupOf(db, { long: async () => ++second });
    await other.cleanup.stop();
    expect(second).toBe(0);
    expect(await leases(db)).toHaveLength(1);
    expect(signal.aborted).toBe(false);
    await first.cleanup.stop();
    expect(await leases(db)).toEqual([]);
  });

  test('stops also when the database is away', async () => {
    const db = await open();
    let away = false;
    const unreliable: Database = {
      ...db,
      write: (work) => (away ? Promise.reject(new Error('the database is away')) : db.write(work)),
    };
    let rounds = 0;
    const { cleanup, lines } = cleanupOf(unreliable, { quick: async () => ++rounds });
    await until(() => rounds === 1);
    away = true;
    await cleanup.stop();
    expect(lines.at(-1)).toMatchObject({ level: 'warn', error: 'the database is away' });
  });

  test('goes on with the other tasks when one fails, and says which', async () => {
    const db = await open();
    const { cleanup, lines } = cleanupOf(db, {
      broken: () => Promise.reject(new Error('no such table')),
      whole: async () => 2,
    });
    await until(() => lines.length === 2);
    expect(lines[0]).toMatchObject({ msg: 'cleaned up', task: 'whole', removed: 2 });
    expect(lines[1]).toMatchObject({ level: 'error', job: 'cleanup' });
    expect(lines[1]?.error).toMatchObject({ message: 'not cleaned up: broken: no such table' });
    await cleanup.stop();
  });
});
