/** Clears away finished runs that are older than `runs.retention_days`, a few at a time, by one process at a time. */
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { acquireLease } from '@/platform/db/lease.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { now } from '@/platform/time/clock.ts';
import { deleteEndedRuns } from './store.ts';

interface Options {
  readonly db: Database;
  readonly config: LiveConfig;
  readonly log: Logger;
  /** Names this process in the lease. */
  readonly name: string;
}

const LEASE = 'runs-retention';
const EVERY_MS = 600_000;
const LEASE_MS = 2 * EVERY_MS;
/** Small, so that a write turn stays short. */
const AT_ONCE = 200;

export class RunRetention {
  private timer: ReturnType<typeof setInterval> | null = null;
  private clearing: Promise<unknown> = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: Options) {}

  start(): void {
    this.timer = setInterval(() => {
      this.clearing = this.clear().catch((error) =>
        this.options.log.warn('old runs could not be cleared away', { error: messageOf(error) }),
      );
    }, EVERY_MS);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearInterval(this.timer);
    await this.clearing;
  }

  /** Clears away what is due now; returns how many runs. */
  async clear(): Promise<number> {
    const { db, config, log, name } = this.options;
    if (!(await acquireLease(db, LEASE, name, LEASE_MS))) return 0;
    const before = now() - config.current.runs.retention_days * 86_400_000;
    let cleared = 0;
    for (let last = AT_ONCE; last === AT_ONCE && !this.stopped; cleared += last) {
      last = await db.write((trx) => deleteEndedRuns(trx, before, AT_ONCE));
    }
    if (cleared > 0) log.info('old runs cleared away', { runs: cleared });
    return cleared;
  }
}
