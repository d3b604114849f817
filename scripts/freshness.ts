/**
 * The executable of this machine, what it is built from, and whether the one is newer than the other; and the turns of
 * those who build it.
 */
import { Database } from 'bun:sqlite';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dir, '..');
const CACHE = join(ROOT, '.cache');
const LONGEST_WAIT_MS = 300_000;

export const EXECUTABLE = join(ROOT, 'dist', 'automation-orchestrator');

const SOURCES = ['src', 'scripts/build.ts', 'package.json', 'bun.lock', 'tsconfig.json'];

/** Epoch milliseconds; 0 for what is not there. Folders count too: they tell of a file that was removed. */
function newest(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
  const inside = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return inside.reduce(
    (latest, name) => Math.max(latest, statSync(join(path, name), { throwIfNoEntry: false })?.mtimeMs ?? 0),
    stat.mtimeMs,
  );
}

/** Whether `executable` is there and none of `sources` has changed since its build began. */
export function isFresh(
  executable: string = EXECUTABLE,
  sources: readonly string[] = SOURCES.map((path) => join(ROOT, path)),
): boolean {
  return Math.max(...sources.map(newest)) < newest(executable);
}

/**
 * Carries out `work` when no other process builds in this folder, and keeps others waiting meanwhile. An exclusive
 * transaction on a small SQLite file, which the kernel releases however this process ends.
 */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  mkdirSync(CACHE, { recursive: true });
  const lock = new Database(join(CACHE, 'build.lock'));
  try {
    lock.run(`PRAGMA busy_timeout = ${LONGEST_WAIT_MS}`);
    lock.run('BEGIN EXCLUSIVE');
    return await work();
  } finally {
    lock.close();
  }
}
