/**
 * Clean-up of what has had its time, done by one process of all servers at a time (lease `maintenance`). Nothing
 * waits for it: late is as good as on time. What is to be cleaned up, each feature says for itself.
 */
import type { Database } from '@/platform/db/database.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { Job } from './job.ts';

export interface CleanupTask {
  readonly name: string;
  /** Answers how much it removed, and ends early when the signal fires. */
  run(signal: AbortSignal): Promise<number>;
}

interface Options {
  readonly db: Database;
  readonly log: Logger;
  readonly metrics?: Metrics;
  readonly tasks: readonly CleanupTask[];
}

const EVERY_MS = 10 * 60_000;
/** Spread out, so that workers that start together do not ask together. */
const JITTER_MS = 5_000;
/** Longer than the wait between two rounds, so that one process keeps it. */
const LEASE_MS = 2 * EVERY_MS;

export const cleanupJob = ({ db, log, metrics, tasks }: Options): Job =>
  new Job({
    name: 'cleanup',
    everyMs: EVERY_MS,
    firstAfterMs: 0,
    jitterMs: JITTER_MS,
    lease: { db, name: 'maintenance', ttlMs: LEASE_MS },
    log,
    metrics,
    run: (signal) => cleanUp(tasks, log, signal),
  });

/** One task that fails keeps no other from its work. */
async function cleanUp(tasks: readonly CleanupTask[], log: Logger, signal: AbortSignal): Promise<void> {
  const failures: string[] = [];
  for (const task of tasks) {
    if (signal.aborted) return;
    try {
      const removed = await task.run(signal);
      if (removed > 0) log.info('cleaned up', { task: task.name, removed });
    } catch (error) {
      failures.push(`${task.name}: ${messageOf(error)}`);
    }
  }
  if (failures.length > 0) throw new Error(`not cleaned up: ${failures.join('; ')}`);
}
