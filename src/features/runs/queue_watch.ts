/**
 * Warns when `monitoring.queue_depth_warn` or more runs wait: one WARN line for each crossing, by whichever worker of
 * whichever server sees it first. That it was said is one row of the database, which only one can make; so it is also
 * remembered over restarts.
 */
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { isMarked, mark, unmark } from './queue_mark.ts';

interface Options {
  readonly db: Database;
  readonly config: LiveConfig;
  readonly log: Logger;
  readonly queueDepth: () => Promise<number>;
  /** How often to look. */
  readonly everyMs?: number;
}

const EVERY_MS = 5_000;

export class QueueWatch {
  readonly name = 'queue watch';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running = false;

  constructor(private readonly options: Options) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.schedule();
  }

  async stop(): Promise<void> {
    this.running = false;
    clearTimeout(this.timer);
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

  private schedule(): void {
    this.timer = setTimeout(() => {
      this.look()
        .catch((error: unknown) =>
          this.options.log.error('queue depth not checked', { error: messageOf(error) }),
        )
        .finally(() => {
          if (this.running) this.schedule();
        });
    }, this.options.everyMs ?? EVERY_MS);
    this.timer.unref();
  }
}
