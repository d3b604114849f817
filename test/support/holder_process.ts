/**
 * A process of its own that holds the write turn, for the tests of what happens to it then. Run as
 * `bun holder_process.ts FOLDER inside|holding` with an IPC channel. `inside`: in a transaction that never ends;
 * `holding`: after a transaction, with the turn kept. Writes once more for each message it gets.
 */
import { dataPaths } from '@/platform/config/paths.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { writeLead } from './writer_process.ts';

const [folder = '', where] = Bun.argv.slice(2);
const paths = dataPaths(folder);
const options = { url: 'sqlite:test.sqlite3', poolSize: 1, paths, log: silentLogger } as const;
const db = await openDatabase({ ...options, turns: 'server' });
process.on('message', () => void db.write((trx) => writeLead(trx, 'holder again')));

await db.write(async (trx) => {
  await writeLead(trx, 'holder');
  if (where !== 'inside') return;
  process.send?.('inside');
  await new Promise<never>(() => undefined);
});
process.send?.('holding');
