/** A process with one run executor over an SQLite data folder: what the crash tests kill. */

import { dataPaths } from '@/platform/config/paths.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { testEngine } from './engine.ts';

const [, , folder = '', name = ''] = Bun.argv;
const db = await openDatabase({
  url: 'sqlite:test.sqlite3',
  poolSize: 1,
  paths: dataPaths(folder),
  log: silentLogger,
  turns: 'server',
});
testEngine(db, { runs: { lease_seconds: 2 } })
  .executor(name)
  .start();
process.stdout.write('ready\n');
