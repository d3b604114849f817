/**
 * Clean-up of what has had its time, done by one process of all servers at a time (lease `maintenance`). Nothing
 * waits for it: late is as good as on time.
 */
import type { Database } from '@/platform/db/database.ts';
import { acquireLease, releaseLease } from '@/platform/db/lease.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { CleanupTask } from '@/platform/jobs/cleanup.ts';
import type { Logger } from '@/platform/log/log.ts';
import { newId, random } from '@/platform/time/clock.ts';

const LEASE = 'maintenance';
const INTERVAL_MS = 10 * 60_000;
/** A holder that dies leaves the work to the next one after this. */
const LEASE_MS = 2 * INTERVAL_MS;

interface Options {
  readonly db: Database;
  readonly log: Logger;
  readonly tasks: readonly CleanupTask[];
}

export class Maintenance {
  readonly name = 'maintenance';
  private readonly holder = newId();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private round: Promise<void> = Promise.resolve();
  private readonly stopping = new AbortController();
  private held = false;

  constructor(private readonly options: Options) {}

  start(): void {
    // Spread out, so that workers that start together do not ask together.
    this.timer = setTimeout(() => this.begin(), random() * 5_000);
  }

  /** Resolves when the round in progress is over and the lease is free for others. */
  async stop(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.stopping.abort();
    await this.round;
    if (!this.held) return;
    this.held = false;
    await releaseLease(this.options.db, LEASE, this.holder).catch((error) =>
      this.options.log.warn('the clean-up lease is left to end by itself', { error: messageOf(error) }),
    );
  }

  private begin(): void {
    this.timer = setTimeout(() => this.begin(), INTERVAL_MS);
    this.round = this.cleanUp();
  }

  private async cleanUp(): Promise<void> {
    const { db, log, tasks } = this.options;
    try {
      this.held = await acquireLease(db, LEASE, this.holder, LEASE_MS);
      if (!this.held) return;
      for (const task of tasks) {
        const removed = await task.run(this.stopping.signal);
        if (removed > 0) log.info('cleaned up', { task: task.name, removed });
      }
    } catch (error) {
      log.error('clean-up failed, it is tried again', { error });
    }
  }
}
