/**
 * What the supervisor itself does with the database: brings it up to date before any worker opens it, makes the first
 * admin, and writes the server's own life into the audit log.
 */

import type { AuditRecord } from '@/features/audit/service.ts';
import type { DataPaths } from '@/platform/config/paths.ts';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { migrate } from '@/platform/db/migrate.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { systemActor } from '@/platform/identity/principal.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { MIGRATIONS } from '@/server/composition.ts';
import { openServices } from '@/server/open_services.ts';

/** Migrations and a few audit events: no more than one at a time, and one to spare. */
const CONNECTIONS = 2;

interface Options {
  readonly config: LiveConfig;
  readonly paths: DataPaths;
  readonly metrics: Metrics;
  readonly serverId: string;
  readonly log: Logger;
}

export interface Storage {
  /** Returns the password to show if one had to be made up. */
  ensureFirstAdmin(password: string | undefined): Promise<string | undefined>;
  /** An event of the server itself. Throws when it cannot be written. */
  record(event: Omit<AuditRecord, 'actor' | 'target'>): Promise<void>;
  /** Gives what was recorded its place in the audit chain: when the workers are gone, nobody else does. */
  seal(): Promise<void>;
  close(): Promise<void>;
}

/** Opens and migrates. The write turns of a SQLite file must be served already. */
export async function openStorage({ config, paths, metrics, serverId, log }: Options): Promise<Storage> {
  const { url } = config.current.database;
  const db = await openDatabase({ url, poolSize: CONNECTIONS, paths, log, turns: 'server' });
  try {
    await migrate(db, MIGRATIONS, log);
  } catch (error) {
    await db.close();
    throw error;
  }
  const opened = openServices({ config, paths, db, log, metrics, name: serverId }, [
    'users',
    'audit',
    'auditSealer',
  ]);
  const { users, audit, auditSealer } = opened.services;
  const actor = systemActor('server', serverId);
  return {
    ensureFirstAdmin: async (password) => (await users.ensureFirstAdmin(password)).generatedPassword,
    record: (event) => audit.recordAlone({ ...event, actor, target: { type: 'server', id: serverId } }),
    seal: async () => {
      await auditSealer.sealNow();
    },
    close: async () => {
      await opened.close();
      await db.close();
    },
  };
}
