/**
 * Backups and clean-up by the clock. Every worker has the clock, one does the work (lease `audit-backup`); a
 * schedule that SIGHUP changed is followed within seconds.
 */
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { systemActor } from '@/platform/identity/principal.ts';
import { Job } from '@/platform/jobs/job.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { CronTimes, scheduleFault } from '@/platform/time/cron.ts';
import type { AuditBackups } from './backup.ts';
import type { AuditRetention } from './retention.ts';

/** The lease is left to end by itself, so that a worker whose clock is a little late does not do it again. */
const LEASE = { name: 'audit-backup', ttlMs: 45_000, renewMs: 15_000, outlivesStop: true };
/** Retention also works where backups are made by hand only. */
const CLEAN_UP = '17 * * * *';
/** A backup of many millions of events takes its time. */
const HANGING_MS = 60 * 60_000;
const SYSTEM = systemActor('schedule');

interface Options {
  readonly db: Database;
  readonly log: Logger;
  readonly metrics?: Metrics;
  readonly config: LiveConfig;
  readonly backups: AuditBackups;
  readonly retention: AuditRetention;
}

export class AuditSchedule {
  readonly job: Job;
  private readonly cleanUp = new CronTimes(CLEAN_UP);
  private isBackupDue = false;
  private armed: { readonly expression: string | null; readonly times: CronTimes | null } = {
    expression: null,
    times: null,
  };

  constructor(private readonly options: Options) {
    const { db, log, metrics } = options;
    this.job = new Job({
      name: 'audit_schedule',
      next: () => Math.min(this.backupTimes()?.leftMs ?? Number.POSITIVE_INFINITY, this.cleanUp.leftMs),
      hasWork: async () => this.take(),
      lease: { db, ...LEASE },
      hangingAfterMs: HANGING_MS,
      run: () => this.run(),
      log,
      metrics,
    });
  }

  /** As the configuration says now; null without a schedule. */
  private backupTimes(): CronTimes | null {
    const expression = this.options.config.current.audit.backup_schedule;
    if (expression === this.armed.expression) return this.armed.times;
    const fault = expression === null ? null : scheduleFault(expression);
    if (fault !== null)
      this.options.log.error('audit.backup_schedule is not a schedule', { expression, fault });
    const times = expression === null || fault !== null ? null : new CronTimes(expression);
    this.armed = { expression, times };
    return times;
  }

  /** What is due counts as served, whichever worker then gets the lease, and however it ends. */
  private take(): boolean {
    const isCleanUpDue = this.cleanUp.take();
    this.isBackupDue = this.backupTimes()?.take() ?? false;
    return this.isBackupDue || isCleanUpDue;
  }

  private async run(): Promise<void> {
    const { backups, retention, config } = this.options;
    const { backup_compress, backup_keep } = config.current.audit;
    if (this.isBackupDue) {
      await backups.create(SYSTEM, { compress: backup_compress });
      await backups.prune(SYSTEM, backup_keep);
    }
    await retention.prune(SYSTEM);
  }
}
