/**
 * The services of a data folder for one command, beside a running server or without one: write turns are taken from
 * the server if there is one, and what changes here reaches its workers within a second, as through the API.
 */

import { existsSync, statSync } from 'node:fs';
import { liveConfig } from '@/platform/config/live.ts';
import { type DataPaths, dataPaths } from '@/platform/config/paths.ts';
import type { Config } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { requireCurrentSchema } from '@/platform/db/migrate.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { filePath } from '@/platform/db/sqlite/open.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { createLogger, type Logger } from '@/platform/log/log.ts';
import type { Services } from '@/platform/module/module.ts';
import { MIGRATIONS } from '@/server/composition.ts';
import { openServices } from '@/server/open_services.ts';
import type { Words } from './command.ts';
import { configOf, dataFolderOf } from './locations.ts';
import { remark } from './output.ts';

/** A command does one thing at a time, and sometimes two. */
const CONNECTIONS = 2;

const WANTED = ['audit', 'auditSealer', 'auditBackups', 'users', 'apiKeys'] as const;

export interface Session extends Pick<Services, (typeof WANTED)[number]> {
  readonly config: Config;
  readonly paths: DataPaths;
  readonly db: Database;
  /** Whoever sits at the terminal, for the audit log. */
  readonly actor: Actor;
}

/** The name as the system knows it: what the environment says, anybody can set. */
function operatingUser(): string {
  try {
    const { stdout, success } = Bun.spawnSync(['id', '-un'], { stderr: 'ignore' });
    if (success) return stdout.toString().trim();
  } catch {
    // There is no such program.
  }
  // A user id without a name, as in many containers.
  return `uid ${process.getuid?.() ?? 'unknown'}`;
}

/** A mistyped folder must not become a new, empty database. */
function requireDatabaseFile(config: Config, paths: DataPaths): void {
  const file = filePath({ url: config.database.url, paths });
  if (!existsSync(file)) {
    throw new CommandFailure(
      `there is no database ${file}: name the server's folder with --data-dir (and its --config), or start it once`,
    );
  }
  requireOwner(file);
}

/** Throws CommandFailure when what this command writes beside `path` would not be the server's to open. */
export function requireOwner(path: string): void {
  const owner = statSync(path).uid;
  if (process.getuid && owner !== process.getuid()) {
    throw new CommandFailure(
      `${path} belongs to another user (id ${owner}): run this as that user (sudo -u '#${owner}' …), ` +
        'or the server could not open the files that it leaves',
    );
  }
}

/** Opens the data folder and database that the flags name, does `work`, and closes them. */
export async function inSession(words: Words, work: (session: Session) => Promise<number>): Promise<number> {
  const config = configOf(words);
  const paths = dataPaths(dataFolderOf(words));
  const log = createLogger({ level: 'warn', write: remark });
  const { url } = config.database;
  if (url.startsWith('sqlite:')) requireDatabaseFile(config, paths);
  const opened = await openDatabase({ url, poolSize: CONNECTIONS, paths, log });
  let wrote = false;
  const db: Database = {
    ...opened,
    write: (change) => {
      wrote = true;
      return opened.write(change);
    },
  };
  const { services, close } = openServices(
    { config: liveConfig(config), paths, db, log, name: 'command' },
    WANTED,
  );
  try {
    await requireCurrentSchema(db, MIGRATIONS);
    const actor: Actor = { type: 'cli', id: null, name: operatingUser(), requestId: null, address: null };
    return await work({ ...services, config, paths, db, actor });
  } finally {
    await close();
    if (wrote) await seal(services.auditSealer, paths, log);
    await opened.close();
  }
}

/**
 * Gives the events of this command their place in the audit chain, for a server may not run for a long time. Not where
 * there is no server's data folder: beside PostgreSQL a command may be far from any.
 */
async function seal(
  sealer: Pick<Services['auditSealer'], 'sealNow'>,
  paths: DataPaths,
  log: Logger,
): Promise<void> {
  if (!existsSync(paths.secrets)) return;
  try {
    requireOwner(paths.secrets);
    await sealer.sealNow();
  } catch (error) {
    log.warn('the audit events of this command wait for a server to be sealed', { error: messageOf(error) });
  }
}
