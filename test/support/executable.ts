/** The compiled binary, for tests against it: built first when it is missing or older than its sources. */
import { resolve } from 'node:path';
import { EXECUTABLE, isFresh } from '../../scripts/freshness.ts';

/** Path of an up-to-date executable. Costs a few milliseconds when nothing has changed. */
export function builtExecutable(): string {
  if (isFresh()) return EXECUTABLE;
  console.error('building the executable: it is missing, or older than its sources');
  const build = Bun.spawnSync([process.execPath, 'scripts/build.ts', '--if-stale'], {
    cwd: resolve(import.meta.dir, '../..'),
    stdout: 'pipe',
    stderr: 'pipe',
  });
  if (!build.success) throw new Error(`the executable could not be built:\n${build.stderr}`);
  return EXECUTABLE;
}
