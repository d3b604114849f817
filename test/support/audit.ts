/** The audit log over a data folder of its own, for tests. */

import { testConfig } from '@test/support/config.ts';
import { AuditBackups } from '@/features/audit/backup.ts';
import { AuditRetention } from '@/features/audit/retention.ts';
import { AuditSealer } from '@/features/audit/seal.ts';
import { AuditLog, type AuditRecord } from '@/features/audit/service.ts';
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { createLogger } from '@/platform/log/log.ts';
import { type TemporaryFolder, temporaryFolder } from './folder.ts';

export const ADMIN: Actor = {
  type: 'user',
  id: '019dbe0c-6f1a-7000-8000-3f1f2a9d4c11',
  name: 'admin',
  requestId: 'request-1',
  address: '127.0.0.1',
};

/** Values of the `audit` section beside its defaults. */
type AuditConfig = Partial<LiveConfig['current']['audit']>;

export interface AuditFixture extends AsyncDisposable {
  readonly db: Database;
  readonly folder: TemporaryFolder;
  readonly audit: AuditLog;
  readonly sealer: AuditSealer;
  readonly backups: AuditBackups;
  readonly retention: AuditRetention;
  /** Messages of all log lines so far. */
  readonly logged: string[];
  readonly config: { current: LiveConfig['current'] };
  /** Another sealer, as another process has it. */
  otherSealer(): AuditSealer;
  /** Writes `count` events, one after the other. */
  write(count: number, event?: Partial<AuditRecord>): Promise<void>;
}

export function auditOver(db: Database, settings: AuditConfig = {}): AuditFixture {
  const folder = temporaryFolder();
  const { paths } = folder;
  const logged: string[] = [];
  const log = createLogger({ write: (line) => void logged.push((JSON.parse(line) as { msg: string }).msg) });
  const defaults = testConfig();
  const config = { current: { ...defaults, audit: { ...defaults.audit, ...settings } } };
  const audit = new AuditLog({ db });
  const sealer = new AuditSealer({ db, paths, log });
  const backups = new AuditBackups({ db, paths, log, audit, sealer });
  const retention = new AuditRetention({ db, log, audit, sealer, backups, config });
  return {
    db,
    folder,
    audit,
    sealer,
    backups,
    retention,
    logged,
    config,
    otherSealer: () => new AuditSealer({ db, paths, log }),
    write: async (count, event = {}) => {
      for (let index = 0; index < count; index += 1) {
        const target = { type: 'lead', id: `lead-${index}` };
        await audit.recordAlone({ actor: ADMIN, action: 'lead.created', target, ...event });
      }
    },
    [Symbol.asyncDispose]: async () => {
      await sealer.job.stop();
      folder.remove();
    },
  };
}
