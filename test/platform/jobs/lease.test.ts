import { expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { ManualTime } from '@test/support/timers.ts';
import { until } from '@test/support/wait.ts';
import type { Database } from '@/platform/db/database.ts';
import { acquireLease } from '@/platform/db/lease.ts';
import { Job } from '@/platform/jobs/job.ts';
import type { JobOptions } from '@/platform/jobs/options.ts';
import { createLogger } from '@/platform/log/log.ts';

const LEASE = 'the-lease';

/** Processes that share a job under one lease of nine seconds, renewed every three. */
function scene(db: Database, lease: Partial<JobOptions['lease']> = {}) {
  const time = new ManualTime();
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ write: (line) => void lines.push(JSON.parse(line)) });
  const process = (run: (signal: AbortSignal) => Promise<void> = async () => undefined) => {
    const rounds: AbortSignal[] = [];
    const job = new Job({
      name: 'shared_job',
      everyMs: 1_000,
      lease: { db, name: LEASE, ttlMs: 9_000, ...lease },
      run: (signal) => {
        rounds.push(signal);
        return run(signal);
      },
      log,
      timers: time,
    });
    return { job, rounds };
  };
  /** Time that passes until what it has begun in the database is over. */
  const passUntil = async (ms: number, condition: () => unknown) => {
    await time.pass(ms);
    await until(condition);
  };
  return { time, lines, process, passUntil, [Symbol.dispose]: () => time[Symbol.dispose]() };
}

/** Ends when its signal fires. */
const endless = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

const holders = (db: Database) => db.read.selectFrom('leases').selectAll().execute();

forEachDatabase('a job under a lease', (open) => {
  test('is done by one process, and by another as soon as that stops', async () => {
    const db = await open();
    using at = scene(db);
    const [first, second] = [at.process(), at.process()];
    first.job.start();
    await at.passUntil(1_000, () => first.rounds.length === 1);
    second.job.start();
    for (const rounds of [2, 3, 4]) await at.passUntil(1_000, () => first.rounds.length === rounds);
    expect(second.rounds).toHaveLength(0);
    await first.job.stop();
    expect(await holders(db)).toEqual([]);
    await until(async () => {
      await at.time.pass(1_000);
      return second.rounds.length > 0;
    });
    await second.job.stop();
    expect(at.lines).toEqual([]);
  });

  test('keeps it while a round lasts longer than the lease', async () => {
    const db = await open();
    using at = scene(db);
    const { job, rounds } = at.process(endless);
    job.start();
    await at.passUntil(1_000, () => rounds.length === 1);
    const ends = async () => (await holders(db))[0]?.expires_at ?? 0;
    const before = await ends();
    for (const renewal of [1, 2, 3, 4]) {
      await at.passUntil(3_000, async () => (await ends()) === before + renewal * 3_000);
    }
    expect(rounds).toHaveLength(1);
    expect(rounds[0]?.aborted).toBe(false);
    await job.stop();
    expect(await holders(db)).toEqual([]);
  });

  test('ends its round when another process has taken the lease', async () => {
    const db = await open();
    using at = scene(db);
    const { job, rounds } = at.process(endless);
    job.start();
    await at.passUntil(1_000, () => rounds.length === 1);
    await db.write((trx) => trx.deleteFrom('leases').execute());
    expect(await acquireLease(db, LEASE, 'thief', 9_000)).toBe(true);
    await at.passUntil(3_000, () => rounds[0]?.aborted);
    expect(at.lines).toMatchObject([{ level: 'warn', reason: 'another process has taken the lease' }]);
    await job.stop();
    expect(await holders(db)).toMatchObject([{ holder: 'thief' }]);
  });

  test('ends its round when the database is away for as long as the lease lasts', async () => {
    const db = await open();
    let isAway = false;
    const never = new Promise<never>(() => undefined);
    const unreliable: Database = { ...db, write: (work) => (isAway ? never : db.write(work)) };
    using at = scene(unreliable);
    const { job, rounds } = at.process(endless);
    job.start();
    await at.passUntil(1_000, () => rounds.length === 1);
    isAway = true;
    await at.time.pass(8_999);
    expect(rounds[0]?.aborted).toBe(false);
    await at.passUntil(1, () => rounds[0]?.aborted);
    expect(at.lines).toMatchObject([{ reason: 'the lease ended before it could be renewed' }]);
    await job.stop(0);
  });

  test('can leave it to end by itself', async () => {
    const db = await open();
    using at = scene(db, { outlivesStop: true });
    const { job, rounds } = at.process();
    job.start();
    await at.passUntil(1_000, () => rounds.length === 1);
    await job.stop();
    expect(await holders(db)).toHaveLength(1);
  });
});
