/** The audit log: events, their chain, backups and verification. */
import { failingJob } from '@/platform/jobs/record.ts';
import { defineModule } from '@/platform/module/module.ts';
import { AuditBackups } from './backup.ts';
import { auditSection } from './config.ts';
import { auditCheck } from './health.ts';
import { auditTables } from './migrations/2026_11_24_audit.ts';
import { AuditRetention } from './retention.ts';
import { auditRoutes } from './routes.ts';
import { AuditSchedule } from './schedule.ts';
import { AuditSealer } from './seal.ts';
import { AuditLog } from './service.ts';

declare module '@/platform/module/module.ts' {
  interface Services {
    audit: AuditLog;
    auditSealer: AuditSealer;
    auditBackups: AuditBackups;
  }
}

declare module '@/platform/identity/permissions.ts' {
  interface PermissionNames {
    'audit:read': true;
    'audit:backup': true;
  }
}

export const auditModule = defineModule({
  name: 'audit',
  tags: [{ name: 'audit', order: 70, description: 'The audit log and its backups.' }],
  config: auditSection,
  permissions: { 'audit:read': 'admin', 'audit:backup': 'admin' },
  migrations: [auditTables],
  provides: ['audit', 'auditSealer', 'auditBackups'],
  open({ db, paths, log, metrics, config }) {
    const audit = new AuditLog({ db, metrics });
    const sealer = new AuditSealer({ db, paths, log, metrics });
    const backups = new AuditBackups({ db, paths, log, audit, sealer, metrics });
    const retention = new AuditRetention({ db, log, audit, sealer, backups, config });
    const schedule = new AuditSchedule({ db, config, log, metrics, backups, retention });
    return {
      services: { audit, auditSealer: sealer, auditBackups: backups },
      extends: {
        healthCheck: [
          auditCheck({ sealer, failing: () => failingJob(metrics, [sealer.job.name, schedule.job.name]) }),
        ],
      },
      routes: () => auditRoutes({ db, paths, audit, sealer, backups }),
      jobs: [schedule.job],
      lastJobs: [sealer.job],
    };
  },
});
