/**
 * The data folder as the server needs it: there, writable, private to its user. Checked before anything else is
 * opened, so that a bad folder is one clear refusal instead of a stack trace from the middle of the start.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type DataPaths, dataPaths } from '@/platform/config/paths.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import { checkSocketPath } from '@/platform/ipc/socket_path.ts';

/** Creates what is missing and proves that it can be written. Throws CommandFailure (exit 1) if not. */
export function prepareDataFolder(dataDir: string): DataPaths {
  const paths = dataPaths(resolve(dataDir));
  for (const socket of [paths.turnsSocket, paths.redisSocket]) checkSocketPath(socket);
  try {
    for (const folder of [paths.root, paths.run, paths.secrets, paths.auditBackups]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    const trial = join(paths.root, `.write-test-${process.pid}`);
    writeFileSync(trial, '');
    rmSync(trial);
  } catch (error) {
    throw new CommandFailure(`the data folder ${paths.root} is not writable: ${messageOf(error)}`, 1, {
      cause: error,
    });
  }
  return paths;
}

/** Removes what an earlier server left in `run/`. Only for the holder of the lock. */
export function clearRunFolder(paths: DataPaths): void {
  rmSync(paths.metrics, { recursive: true, force: true });
  rmSync(paths.redisSocket, { force: true });
  rmSync(paths.turnsSocket, { force: true });
  mkdirSync(paths.metrics, { recursive: true, mode: 0o700 });
}
