/**
 * Backups and clean-up by the clock. Every worker has the clock, one does the work (lease `audit-backup`); a
 * schedule that SIGHUP changed is followed within seconds.
 */

import { Cron } from 'croner';
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { acquireLease } from '@/platform/db/lease.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import type { Logger } from '@/platform/log/log.ts';
import { newId } from '@/platform/time/clock.ts';
import { scheduleFault } from '@/platform/time/cron.ts';
import type { AuditBackups } from './backup.ts';
import type { AuditRetention } from './retention.ts';

const LEASE = 'audit-backup';
/** The lease is left to end by itself, so that a worker whose clock is a little late does not do it again. */
const LEASE_MS = 45_000;
const RENEW_MS = 15_000;
const LOOK_MS = 2_000;
/** Retention also works where backups are made by hand only. */
const CLEAN_UP = '17 * * * *';
const SYSTEM: Actor = { type: 'system', id: null, name: 'schedule', requestId: null, address: null };

interface Options {
  readonly db: Database;
  readonly log: Logger;
  readonly config: LiveConfig;
  readonly backups: AuditBackups;
  readonly retention: AuditRetention;
}

export class AuditSchedule {
  readonly name = 'audit schedule';
  private readonly holder = newId();
  private armed: { readonly expression: string | null; readonly job: Cron | null } = {
    expression: null,
    job: null,
  };
  private cleanUp: Cron | null = null;
  private looking: ReturnType<typeof setInterval> | undefined;
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly options: Options) {}

  start(): void {
    this.arm();
    this.looking = setInterval(() => this.arm(), LOOK_MS);
    this.looking.unref();
    this.cleanUp = new Cron(CLEAN_UP, { timezone: 'UTC', unref: true }, () => this.enqueue(false));
  }

  /** Resolves when the backup in progress is done. */
  async stop(): Promise<void> {
    clearInterval(this.looking);
    this.cleanUp?.stop();
    this.armed.job?.stop();
    await this.work;
  }

  private arm(): void {
    const expression = this.options.config.current.audit.backup_schedule;
    if (expression === this.armed.expression) return;
    this.armed.job?.stop();
    const fault = expression === null ? null : scheduleFault(expression);
    if (fault !== null)
      this.options.log.error('audit.backup_schedule is not a schedule', { expression, fault });
    const job =
      expression === null || fault !== null
        ? null
        : new Cron(expression, { timezone: 'UTC', unref: true }, () => this.enqueue(true));
    this.armed = { expression, job };
  }

  private enqueue(backup: boolean): void {
    this.work = this.work
      .then(() => this.run(backup))
      .catch((error) => this.options.log.error('scheduled audit work failed', { error: messageOf(error) }));
  }

  private async run(backup: boolean): Promise<void> {
    const { db, backups, retention, config } = this.options;
    const claim = () => acquireLease(db, LEASE, this.holder, LEASE_MS);
    if (!(await claim())) return;
    const renewing = setInterval(() => void claim().catch(() => undefined), RENEW_MS);
    try {
      const { backup_compress, backup_keep } = config.current.audit;
      if (backup) {
        await backups.create(SYSTEM, { compress: backup_compress });
        await backups.prune(SYSTEM, backup_keep);
      }
      await retention.prune(SYSTEM);
    } finally {
      clearInterval(renewing);
    }
  }
}
