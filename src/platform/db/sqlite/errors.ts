/** What SQLite's error codes mean to callers. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandFailure, messageOf, StorageFull } from '@/platform/errors/problem.ts';

const FULL_BELOW_BYTES = 1_048_576;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Somebody outside the turns holds the write lock. */
export const isBusy = (error: unknown): boolean => codeOf(error).startsWith('SQLITE_BUSY');

/** StorageFull for a full disk, whichever way SQLite met it; anything else unchanged. */
export function translated(error: unknown, path: string): unknown {
  const code = codeOf(error);
  const full =
    code === 'SQLITE_FULL' || code === 'ENOSPC' || (code.startsWith('SQLITE_IOERR') && nothingFree(path));
  return full
    ? new StorageFull('The disk of the database is full: nothing was changed.', { cause: error })
    : error;
}

function nothingFree(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < FULL_BELOW_BYTES;
  } catch {
    return false;
  }
}

/** Why the file cannot be opened, for people. */
export function openFailure(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (code === 'SQLITE_NOTADB' || code === 'SQLITE_CORRUPT') {
    return new CommandFailure(`${path} is not a sound SQLite database (${messageOf(error)})`, 1, {
      cause: error,
    });
  }
  if (/^(SQLITE_(CANTOPEN|READONLY|PERM)|EACCES|EISDIR|ENOTDIR|EPERM|EROFS)/.test(code)) {
    return new CommandFailure(`the database ${path} cannot be opened for writing (${messageOf(error)})`, 1, {
      cause: error,
    });
  }
  const known = translated(error, path);
  if (known instanceof StorageFull) {
    return new CommandFailure(`the disk is full: the database ${path} cannot be opened`, 1, { cause: error });
  }
  return known;
}
