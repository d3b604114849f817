/** The section `audit` of the configuration. */
import { type Static, Type } from '@sinclair/typebox';
import type { ConfigProblem, ConfigSection } from '@/platform/config/schema.ts';
import { flag, integer, live, nullable, section } from '@/platform/config/section.ts';
import { scheduleFault } from '@/platform/time/cron.ts';

const Audit = section(
  {
    backup_schedule: live(
      nullable(Type.String(), 'Cron expression (UTC) of scheduled backups, such as "0 3 * * *".'),
    ),
    backup_compress: live(flag(true, 'Compress scheduled backups with gzip.')),
    backup_keep: live(
      integer(30, 1, 10_000, 'Number of backups that the scheduled clean-up keeps, the newest first.'),
    ),
    retention_days: live(
      nullable(
        Type.Integer({ minimum: 1, maximum: 36_500 }),
        'Events older than this are removed once sealed and backed up; null keeps them all.',
      ),
    ),
  },
  'The audit log and its backups.',
);

declare module '@/platform/config/schema.ts' {
  interface Config {
    audit: Static<typeof Audit>;
  }
}

function scheduleProblems({ audit }: { audit: Static<typeof Audit> }): ConfigProblem[] {
  const { backup_schedule: schedule } = audit;
  const fault = schedule === null ? null : scheduleFault(schedule);
  if (fault === null) return [];
  const message = `audit.backup_schedule ${JSON.stringify(schedule)} is not a cron expression: ${fault}`;
  return [{ pointer: '/audit/backup_schedule', message }];
}

export const auditSection: ConfigSection = { name: 'audit', schema: Audit, problems: scheduleProblems };
