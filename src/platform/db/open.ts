/** Opens the database that the configuration names. The one place that knows there are two kinds. */
import type { DataPaths } from '@/platform/config/paths.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Database } from './database.ts';
import { filePath, openSqlite } from './sqlite/open.ts';

interface OpenOptions {
  /** `sqlite:FILE` (relative to the data folder) or `postgres://…`. */
  readonly url: string;
  /** PostgreSQL connections of this process. */
  readonly poolSize: number;
  readonly paths: DataPaths;
  readonly log: Logger;
  /**
   * Write turns on SQLite. 'server': this process belongs to a server, whose supervisor grants them. 'local': never
   * ask. Unless given: ask if a server is at work on this data folder.
   */
  readonly turns?: 'server' | 'local';
}

/** Only where it is wanted: its driver takes as long to load as a SQLite file to open. */
const postgres = () => import('./postgres/open.ts');

/** What is wrong with the address of a database, before anything is opened; null when nothing is. */
export async function databaseUrlFault({
  url,
  paths,
}: Pick<OpenOptions, 'url' | 'paths'>): Promise<string | null> {
  if (!url.startsWith('sqlite:')) return (await postgres()).postgresUrlFault(url);
  try {
    filePath({ url, paths });
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** Throws CommandFailure when there is no such database or it does not answer. Runs no migration. */
export async function openDatabase(options: OpenOptions): Promise<Database> {
  const fault = await databaseUrlFault(options);
  if (fault !== null) throw new CommandFailure(fault, 2);
  if (options.url.startsWith('sqlite:')) return openSqlite(options);
  if (/^postgres(ql)?:\/\//.test(options.url)) return (await postgres()).openPostgres(options);
  throw new CommandFailure('database.url must start with sqlite: or postgres://', 2);
}
