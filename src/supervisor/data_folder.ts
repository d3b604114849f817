/**
 * The data folder as the server needs it: there, writable, private to its user. Checked before anything else is
 * opened, so that a bad folder is one clear refusal instead of a stack trace from the middle of the start.
 */
import { accessSync, constants, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type DataPaths, dataPaths } from '@/platform/config/paths.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import { checkSocketPath } from '@/platform/ipc/socket_path.ts';

const foldersOf = (paths: DataPaths): string[] => [paths.root, paths.run, paths.secrets, paths.auditBackups];

const notWritable = (paths: DataPaths, cause: unknown): CommandFailure =>
  new CommandFailure(`the data folder ${paths.root} is not writable: ${messageOf(cause)}`, 1, { cause });

/** What would keep the server from using the folder, found without changing anything; null when nothing would. */
export function dataFolderFault(paths: DataPaths): string | null {
  try {
    for (const socket of [paths.turnsSocket, paths.redisSocket]) checkSocketPath(socket);
  } catch (error) {
    return messageOf(error);
  }
  try {
    for (const folder of foldersOf(paths)) {
      let nearest = folder;
      while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
      if (!statSync(nearest).isDirectory()) throw new Error(`${nearest} is not a folder`);
      accessSync(nearest, constants.W_OK | constants.X_OK);
    }
    return null;
  } catch (error) {
    return notWritable(paths, error).message;
  }
}

/** Creates what is missing and proves that it can be written. Throws CommandFailure (exit 1) if not. */
export function prepareDataFolder(dataDir: string): DataPaths {
  const paths = dataPaths(resolve(dataDir));
  const fault = dataFolderFault(paths);
  if (fault !== null) throw new CommandFailure(fault);
  try {
    for (const folder of foldersOf(paths)) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const trial = join(paths.root, `.write-test-${process.pid}`);
    writeFileSync(trial, '');
    rmSync(trial);
  } catch (error) {
    throw notWritable(paths, error);
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
