/**
 * One server per data folder. The lock is an exclusive transaction on a small SQLite file: the kernel frees it when
 * the process dies, however it dies, so that nobody ever has to remove a stale lock by hand.
 */
import { Database } from 'bun:sqlite';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
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
    if (/locked|busy/i.test(messageOf(error))) {
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
