/**
 * Clean-up of what has had its time, done by one process of all servers at a time (lease `maintenance`). Nothing
 * waits for it: late is as good as on time.
 */
import type { Database } from '@/platform/db/database.ts';
import { acquireLease, releaseLease } from '@/platform/db/lease.ts';
import type { Logger } from '@/platform/log/log.ts';
import { newId, random } from '@/platform/time/clock.ts';

const LEASE = 'maintenance';
const INTERVAL_MS = 10 * 60_000;
/** A holder that dies leaves the work to the next one after this. */
const LEASE_MS = 2 * INTERVAL_MS;

interface Options {
  readonly db: Database;
  readonly log: Logger;
  /** What to clean up, by name; each answers how much it removed. */
  readonly tasks: Readonly<Record<string, () => Promise<number>>>;
}

export class Maintenance {
  private readonly holder = newId();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private round: Promise<void> = Promise.resolve();

  constructor(private readonly options: Options) {}

  start(): void {
    // Spread out, so that workers that start together do not ask together.
    this.timer = setTimeout(() => this.begin(), random() * 5_000);
  }

  async stop(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    await this.round;
    await releaseLease(this.options.db, LEASE, this.holder);
  }

  private begin(): void {
    this.timer = setTimeout(() => this.begin(), INTERVAL_MS);
    this.round = this.cleanUp();
  }

  private async cleanUp(): Promise<void> {
    const { db, log, tasks } = this.options;
    try {
      if (!(await acquireLease(db, LEASE, this.holder, LEASE_MS))) return;
      for (const [task, run] of Object.entries(tasks)) {
        const removed = await run();
        if (removed > 0) log.info('cleaned up', { task, removed });
      }
    } catch (error) {
      log.error('clean-up failed, it is tried again', { error });
    }
  }
}
