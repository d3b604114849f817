/** A data folder of its own for a test, gone at the end of the block: `await using folder = temporaryFolder()`. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataPaths, dataPaths } from '@/platform/config/paths.ts';

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  readonly paths: DataPaths;
  remove(): void;
}

/** Made under the system's folder for temporary files, whose short name leaves room for Unix sockets. */
export function temporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), 'ao-'));
  const paths = dataPaths(path);
  for (const folder of [paths.run, paths.secrets, paths.auditBackups, paths.metrics]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  return { path, paths, remove, [Symbol.asyncDispose]: async () => remove() };
}
