/** The run engine over one SQLite file, as a worker of the server opens it. */
import { testEngine } from '@test/support/engine.ts';
import { type DataPaths, dataPaths } from '@/platform/config/paths.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { silentLogger } from '@/platform/log/log.ts';

export const benchPaths = (folder: string): DataPaths => dataPaths(folder);

export async function openEngine(paths: DataPaths, concurrency: number) {
  const db = await openDatabase({
    url: 'sqlite:bench.sqlite3',
    poolSize: 1,
    paths,
    log: silentLogger,
    turns: 'server',
  });
  return { db, engine: testEngine(db, { runs: { concurrency, poll_interval_ms: 1000 } }) };
}
