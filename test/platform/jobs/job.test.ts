import { describe, expect, test } from 'bun:test';
import { temporaryFolder } from '@test/support/folder.ts';
import { ManualTime } from '@test/support/timers.ts';
import { withoutWaiting } from '@test/support/wait.ts';
import { Job } from '@/platform/jobs/job.ts';
import type { JobOptions } from '@/platform/jobs/options.ts';
import { failingJob } from '@/platform/jobs/record.ts';
import { createLogger } from '@/platform/log/log.ts';
import { openMetrics } from '@/platform/metrics/store.ts';

/** A job whose rounds are noted, over time that passes by hand. */
function scene(over: Partial<JobOptions> = {}) {
  const time = new ManualTime();
  const lines: Record<string, unknown>[] = [];
  const rounds: AbortSignal[] = [];
  const work = { run: async (_: AbortSignal): Promise<void> => undefined };
  const job = new Job({
    name: 'test_job',
    everyMs: 1_000,
    run: (signal) => {
      rounds.push(signal);
      return work.run(signal);
    },
    log: createLogger({ write: (line) => void lines.push(JSON.parse(line)) }),
    timers: time,
    ...over,
  } as JobOptions);
  return { time, lines, rounds, work, job, [Symbol.dispose]: () => time[Symbol.dispose]() };
}

const failing = () => Promise.reject(new Error('the disk is full'));

describe('the rhythm of a job', () => {
  test('is a round, then the wait, and so on until it is stopped', async () => {
    using at = scene();
    at.job.start();
    at.job.start();
    await at.time.pass(999);
    expect(at.rounds).toHaveLength(0);
    await at.time.pass(1);
    expect(at.rounds).toHaveLength(1);
    await at.time.pass(2_000);
    expect(at.rounds).toHaveLength(3);
    await at.job.stop();
    expect(at.time.count).toBe(0);
    await at.time.pass(10_000);
    expect(at.rounds).toHaveLength(3);
  });

  test('can begin at another moment, and chance spreads it', async () => {
    using at = scene({ firstAfterMs: 0, jitterMs: 500 });
    at.time.chance = 0.5;
    at.job.start();
    await at.time.pass(249);
    expect(at.rounds).toHaveLength(0);
    await at.time.pass(1);
    expect(at.rounds).toHaveLength(1);
    await at.time.pass(1_249);
    expect(at.rounds).toHaveLength(1);
    await at.time.pass(1);
    expect(at.rounds).toHaveLength(2);
    await at.job.stop();
  });

  test('never has two rounds at once', async () => {
    using at = scene();
    const gate = Promise.withResolvers<void>();
    at.work.run = () => gate.promise;
    at.job.start();
    await at.time.pass(5_000);
    expect(at.rounds).toHaveLength(1);
    gate.resolve();
    await at.time.pass(1_000);
    expect(at.rounds).toHaveLength(2);
    await at.job.stop();
  });

  test('follows an answer that changes', async () => {
    let dueAt = 60_000;
    let elapsed = 0;
    using at = scene({ everyMs: undefined, next: () => dueAt - elapsed } as Partial<JobOptions>);
    const pass = async (ms: number) => {
      elapsed += ms;
      await at.time.pass(ms);
    };
    at.work.run = async () => {
      dueAt += 60_000;
    };
    at.job.start();
    await pass(4_000);
    expect(at.rounds).toHaveLength(0);
    dueAt = 5_000;
    await pass(2_000);
    expect(at.rounds).toHaveLength(1);
    await pass(2_000);
    expect(at.rounds).toHaveLength(1);
    await at.job.stop();
  });

  test('has a round soon when it is poked, and one more for a poke during a round', async () => {
    using at = scene();
    at.job.poke();
    await at.time.pass(0);
    expect(at.rounds).toHaveLength(0);
    at.job.start();
    at.job.poke();
    at.job.poke();
    await at.time.pass(0);
    expect(at.rounds).toHaveLength(1);
    const gate = Promise.withResolvers<void>();
    at.work.run = () => gate.promise;
    at.job.poke();
    await at.time.pass(0);
    at.job.poke();
    at.job.poke();
    await at.time.pass(0);
    expect(at.rounds).toHaveLength(2);
    at.work.run = async () => undefined;
    gate.resolve();
    await at.time.pass(0);
    expect(at.rounds).toHaveLength(3);
    await at.job.stop();
  });
});

describe('stopping a job', () => {
  test('fires the signal of the round in progress and waits until that is over', async () => {
    using at = scene();
    const gate = Promise.withResolvers<void>();
    at.work.run = () => gate.promise;
    at.job.start();
    await at.time.pass(1_000);
    const stopped = at.job.stop();
    expect(at.rounds[0]?.aborted).toBe(true);
    await expect(withoutWaiting(stopped)).rejects.toThrow('had to wait');
    gate.reject(new Error('cut off'));
    await stopped;
    expect(at.lines).toEqual([]);
  });

  test('leaves a round behind that goes on beyond its grace, and says so', async () => {
    using at = scene();
    at.work.run = () => new Promise(() => undefined);
    at.job.start();
    await at.time.pass(1_000);
    await at.job.stop(0);
    expect(at.lines).toMatchObject([{ level: 'warn', job: 'test_job', grace_ms: 0 }]);
  });

  test('can be followed by another start', async () => {
    using at = scene();
    at.job.start();
    await at.job.stop();
    at.job.start();
    await at.time.pass(1_000);
    expect(at.rounds).toHaveLength(1);
    expect(at.rounds[0]?.aborted).toBe(false);
    await at.job.stop();
  });
});

describe('a job that fails', () => {
  test('waits longer each time, up to a limit, and goes on as before once it works', async () => {
    using at = scene({ longestBackoffMs: 8_000 });
    at.time.chance = 1;
    at.work.run = failing;
    at.job.start();
    await at.time.pass(1_000);
    for (const waitMs of [1_000, 2_000, 4_000, 8_000, 8_000]) {
      const before = at.rounds.length;
      await at.time.pass(waitMs - 1);
      expect(at.rounds).toHaveLength(before);
      await at.time.pass(1);
      expect(at.rounds).toHaveLength(before + 1);
    }
    at.work.run = async () => undefined;
    await at.time.pass(8_000);
    const before = at.rounds.length;
    await at.time.pass(1_000);
    expect(at.rounds).toHaveLength(before + 1);
    await at.job.stop();
  });

  test('says so once a minute for each message, with how often, and when it works again', async () => {
    using at = scene();
    at.work.run = failing;
    at.job.start();
    await at.time.pass(60_000);
    expect(at.lines).toMatchObject([{ level: 'error', job: 'test_job', times: 1, failures: 1 }]);
    expect(at.lines[0]?.error).toMatchObject({ message: 'the disk is full' });
    await at.time.pass(1_000);
    expect(at.lines[1]).toMatchObject({ level: 'error', times: 60, failures: 61 });
    at.work.run = () => Promise.reject(new Error('something else'));
    await at.time.pass(1_000);
    expect(at.lines[2]).toMatchObject({ level: 'error', times: 1, failures: 62 });
    at.work.run = async () => undefined;
    await at.time.pass(1_000);
    expect(at.lines[3]).toMatchObject({ level: 'info', msg: 'background job works again', failures: 62 });
    await at.job.stop();
  });

  test('fails also when it throws at once, or cannot say when it is due', async () => {
    using at = scene();
    at.work.run = () => {
      throw new Error('at once');
    };
    at.job.start();
    await at.time.pass(1_000);
    expect(at.lines[0]?.error).toMatchObject({ message: 'at once' });
    await at.job.stop();
    const next = (): number => {
      throw new Error('no such time');
    };
    using other = scene({ everyMs: undefined, next } as Partial<JobOptions>);
    other.job.start();
    await other.time.pass(2_000);
    expect(other.lines[0]?.error).toMatchObject({ message: 'no such time' });
    expect(other.rounds).toHaveLength(0);
    await other.job.stop();
  });
});

describe('the health of a job', () => {
  test('is stopped, running, or degraded after several failures', async () => {
    using at = scene();
    expect(at.job.health()).toEqual({ state: 'stopped', reason: null, lastSuccessAt: null });
    at.job.start();
    await at.time.pass(1_000);
    const lastSuccessAt = 1_800_000_001_000;
    expect(at.job.health()).toEqual({ state: 'running', reason: null, lastSuccessAt });
    at.work.run = failing;
    await at.time.pass(2_000);
    expect(at.job.health().state).toBe('running');
    await at.time.pass(1_000);
    expect(at.job.health()).toEqual({
      state: 'degraded',
      reason: 'test_job failed 3 times in a row: the disk is full',
      lastSuccessAt,
    });
    at.work.run = async () => undefined;
    await at.time.pass(1_000);
    expect(at.job.health()).toMatchObject({ state: 'running', reason: null });
    await at.job.stop();
    expect(at.job.health().state).toBe('stopped');
  });

  test('is degraded while a round hangs', async () => {
    using at = scene();
    const gate = Promise.withResolvers<void>();
    at.work.run = () => gate.promise;
    at.job.start();
    await at.time.pass(61_000);
    expect(at.job.health().state).toBe('running');
    await at.time.pass(1_000);
    expect(at.job.health()).toMatchObject({
      state: 'degraded',
      reason: 'test_job has been at one round for 61 s',
    });
    gate.resolve();
    await at.time.pass(0);
    expect(at.job.health().state).toBe('running');
    await at.job.stop();
  });
});

test('the metrics of a job are there from the start, and count what becomes of its rounds', async () => {
  await using folder = temporaryFolder();
  const metrics = openMetrics({ folder: folder.paths.metrics, file: 0 });
  let hasWork = true;
  using at = scene({ metrics, hasWork: async () => hasWork });
  const values = async (name: string): Promise<unknown> => {
    const family = (await metrics.collect()).find((each) => each.name === name);
    if (!family) return null;
    return family.kind === 'histogram'
      ? family.samples.map(({ labels, count, sum }) => ({ ...labels, count, sum }))
      : family.samples.map(({ labels, value }) => ({ ...labels, value }));
  };
  const job = 'test_job';
  const runs = (succeeded: number, failed: number, skipped: number, aborted: number) =>
    Object.entries({ succeeded, failed, skipped, aborted }).map(([outcome, value]) => ({
      job,
      outcome,
      value,
    }));
  expect(await values('ao_job_runs_total')).toEqual(runs(0, 0, 0, 0));
  expect(await values('ao_job_duration_seconds')).toEqual([{ job, count: 0, sum: 0 }]);
  expect(await values('ao_job_last_success_timestamp_seconds')).toEqual([{ job, value: 0 }]);
  at.job.start();
  await at.time.pass(2_000);
  hasWork = false;
  await at.time.pass(1_000);
  expect(at.rounds).toHaveLength(2);
  expect(await values('ao_job_last_success_timestamp_seconds')).toEqual([{ job, value: 1_800_000_003 }]);
  hasWork = true;
  at.work.run = failing;
  await at.time.pass(1_000);
  at.work.run = (signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  await at.time.pass(1_000);
  await at.job.stop();
  expect(await values('ao_job_runs_total')).toEqual(runs(2, 1, 1, 1));
  expect(await values('ao_job_duration_seconds')).toEqual([{ job, count: 4, sum: 0 }]);
  metrics.close();
});

test('a job that keeps failing in one process is known to all', async () => {
  await using folder = temporaryFolder();
  const open = (file: number) => openMetrics({ folder: folder.paths.metrics, file });
  const [here, there] = [open(0), open(1)];
  using at = scene({ metrics: there });
  at.work.run = failing;
  at.job.start();
  await at.time.pass(2_000);
  expect(await failingJob(here, ['other_job', 'test_job'])).toBeNull();
  await at.time.pass(1_000);
  expect(await failingJob(here, ['other_job', 'test_job'])).toBe(
    'test_job failed 3 times in a row; the log says why',
  );
  expect(await failingJob(here, ['other_job'])).toBeNull();
  at.work.run = async () => undefined;
  await at.time.pass(1_000);
  expect(await failingJob(here, ['test_job'])).toBeNull();
  await at.job.stop();
  here.close();
  there.close();
});
