/**
 * One server per data folder. The lock is an exclusive transaction on a small SQLite file: the kernel frees it when
 * the process dies, however it dies, so that nobody ever has to remove a stale lock by hand.
 */
import { Database } from 'bun:sqlite';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataPaths } from '@/platform/config/paths.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';

export interface DataFolderLock {
  release(): void;
}

/** Also of use to people: `kill -HUP $(cat data/run/server.pid)`. */
const pidFile = (paths: DataPaths): string => join(paths.run, 'server.pid');

function holderOf(paths: DataPaths): string {
  try {
    return ` (process ${readFileSync(pidFile(paths), 'utf8').trim()})`;
  } catch {
    return '';
  }
}

const meansHeld = (error: unknown): boolean => /locked|busy/i.test(messageOf(error));

/**
 * The process of the server that is at work on the folder; null when there is none. The lock itself is looked at only where a server
 * has left its process id: a look at the wrong moment could keep a starting server from taking it.
 */
export function serverOn(paths: DataPaths): string | null {
  if (!existsSync(paths.lock) || !existsSync(pidFile(paths))) return null;
  try {
    using file = new Database(paths.lock, { readonly: true });
    file.query('SELECT count(*) FROM sqlite_master').get();
    return null;
  } catch (error) {
    if (!meansHeld(error)) return null;
    return readFileSync(pidFile(paths), 'utf8').trim();
  }
}

/** Takes the lock or throws CommandFailure (exit 1) that names the folder and the process that holds it. */
export function lockDataFolder(paths: DataPaths): DataFolderLock {
  let file: Database | undefined;
  try {
    file = new Database(paths.lock, { create: true });
    file.run('PRAGMA busy_timeout = 0');
    file.run('PRAGMA locking_mode = EXCLUSIVE');
    file.run('BEGIN EXCLUSIVE');
  } catch (error) {
    file?.close();
    if (meansHeld(error)) {
      throw new CommandFailure(
        `another server${holderOf(paths)} is running on the data folder ${paths.root}: stop it, or choose another --data-dir`,
      );
    }
    throw new CommandFailure(`the data folder ${paths.root} cannot be locked: ${messageOf(error)}`, 1, {
      cause: error,
    });
  }
  const held = file;
  writeFileSync(pidFile(paths), `${process.pid}\n`);
  return {
    release: () => {
      rmSync(pidFile(paths), { force: true });
      held.close();
    },
  };
}
