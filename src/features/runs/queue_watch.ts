/**
 * Warns when `monitoring.queue_depth_warn` or more runs wait: one WARN line for each crossing, by whichever worker of
 * whichever server sees it first. That it was said is one row of the database, which only one can make; so it is also
 * remembered over restarts.
 */
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { Job } from '@/platform/jobs/job.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { isMarked, mark, unmark } from './queue_mark.ts';

interface Options {
  readonly db: Database;
  readonly config: LiveConfig;
  readonly log: Logger;
  readonly metrics?: Metrics;
  readonly queueDepth: () => Promise<number>;
  /** How often to look. */
  readonly everyMs?: number;
}

const EVERY_MS = 5_000;

export class QueueWatch {
  readonly job: Job;

  constructor(private readonly options: Options) {
    const { log, metrics, everyMs = EVERY_MS } = options;
    this.job = new Job({ name: 'queue_watch', everyMs, run: () => this.look(), log, metrics });
  }

  /** Looks once; writes only when a line is to be crossed. */
  async look(): Promise<void> {
    const { db, config, log, queueDepth } = this.options;
    const limit = config.current.monitoring.queue_depth_warn;
    const depth = await queueDepth();
    const marked = await isMarked(db.read);
    if (depth >= limit && !marked && (await db.write(mark))) {
      log.warn('queue depth at or above the limit', { queue_depth: depth, queue_depth_warn: limit });
    }
    if (depth < limit && marked && (await db.write(unmark))) {
      log.info('queue depth below the limit again', { queue_depth: depth, queue_depth_warn: limit });
    }
  }
}
