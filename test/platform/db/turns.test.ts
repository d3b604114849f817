/** Write turns between real processes: fair, and freed by death, silence and absence. */

import { afterEach, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@test/support/folder.ts';
import { until } from '@test/support/wait.ts';
import { type WriterReport, writeLead } from '@test/support/writer_process.ts';
import type { Database } from '@/platform/db/database.ts';
import { migrate } from '@/platform/db/migrate.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { serveTurns } from '@/platform/db/turns.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { createLogger, silentLogger } from '@/platform/log/log.ts';
import { MIGRATIONS } from '@/server/composition.ts';

const WRITER = Bun.fileURLToPath(import.meta.resolve('../../support/writer_process.ts'));
const HOLDER = Bun.fileURLToPath(import.meta.resolve('../../support/holder_process.ts'));
const clearings: (() => unknown)[] = [];
afterEach(async () => {
  for (const clear of clearings.splice(0).reverse()) await clear();
});

interface Stage {
  readonly folder: TemporaryFolder;
  readonly turns: { close(): Promise<void> };
  readonly open: () => Promise<Database>;
  /** What the server of turns has logged. */
  readonly lines: string[];
}

/** A data folder with a migrated database whose turns are served. */
async function stage(): Promise<Stage> {
  const folder = temporaryFolder();
  const lines: string[] = [];
  const log = createLogger({ write: (line) => void lines.push(line) });
  const turns = await serveTurns(folder.paths.turnsSocket, log);
  const open = async (): Promise<Database> => {
    const options = {
      url: 'sqlite:test.sqlite3',
      poolSize: 1,
      paths: folder.paths,
      log: silentLogger,
    } as const;
    const db = await openDatabase({ ...options, turns: 'server' });
    clearings.push(() => db.close());
    return db;
  };
  clearings.push(
    () => folder.remove(),
    () => turns.close(),
  );
  await migrate(await open(), MIGRATIONS, silentLogger);
  return { folder, turns, open, lines };
}

/** A process that says `inside` from within a write transaction, or `holding` while it only keeps the turn. */
async function holder(folder: TemporaryFolder, where: 'inside' | 'holding'): Promise<Bun.Subprocess> {
  const said: unknown[] = [];
  const child = Bun.spawn([process.execPath, HOLDER, folder.path, where], {
    ipc: (message) => void said.push(message),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  clearings.push(async () => {
    child.kill('SIGKILL');
    await child.exited;
  });
  await until(() => said.includes(where), { what: `a process ${where}` });
  return child;
}

const sources = async (db: Database): Promise<(string | null)[]> =>
  (await db.read.selectFrom('leads').select('source').execute()).map(({ source }) => source);

const TAKEN = 'holder does not react';
const WRITING_MS = 1_500;

test('four processes write at once: all get their share, none is blocked, nothing is lost', async () => {
  const { folder, open } = await stage();
  const db = await open();
  const reports = await Promise.all(
    Array.from(
      { length: 4 },
      () =>
        new Promise<WriterReport>((resolve) => {
          Bun.spawn([process.execPath, WRITER, folder.path, '4', String(WRITING_MS)], {
            ipc: resolve,
            stdio: ['ignore', 'inherit', 'inherit'],
          });
        }),
    ),
  );
  const written = reports.map((report) => report.written);
  const total = written.reduce((sum, count) => sum + count, 0);
  expect(Math.min(...written)).toBeGreaterThan(total / 4 / 2);
  // A writer that starves waits as long as the others write, and one that waits inside SQLite blocks as long.
  expect(Math.max(...reports.map(({ slowestMs }) => slowestMs))).toBeLessThan(WRITING_MS / 2);
  expect(Math.max(...reports.map(({ loopBlockedMs }) => loopBlockedMs))).toBeLessThan(WRITING_MS / 2);
  expect((await sources(db)).length).toBe(total);
});

describe('a holder of the turn', () => {
  test('that is killed in the middle of its transaction frees the turn and leaves nothing behind', async () => {
    const { folder, open } = await stage();
    const db = await open();
    const child = await holder(folder, 'inside');
    const write = db.write((trx) => writeLead(trx, 'survivor'));
    child.kill('SIGKILL');
    await write;
    expect(await sources(db)).toEqual(['survivor']);
  });

  test('that keeps the turn idle gives it back when asked', async () => {
    const { folder, open, lines } = await stage();
    const db = await open();
    await holder(folder, 'holding');
    await db.write((trx) => writeLead(trx, 'other'));
    expect(lines.join()).not.toContain(TAKEN);
  });

  test('that is stopped loses the turn after a moment, and may go on later', async () => {
    const { folder, open, lines } = await stage();
    const db = await open();
    const child = await holder(folder, 'holding');
    child.kill('SIGSTOP');
    await db.write((trx) => writeLead(trx, 'other'));
    expect(lines.join()).toContain(TAKEN);
    child.kill('SIGCONT');
    child.send('write');
    await until(async () => (await sources(db)).includes('holder again'), {
      what: 'the write of the stopped',
    });
  });
});

describe('without a server of turns', () => {
  test('a worker waits for it at its start', async () => {
    const folder = temporaryFolder();
    clearings.push(() => folder.remove());
    const options = {
      url: 'sqlite:test.sqlite3',
      poolSize: 1,
      paths: folder.paths,
      log: silentLogger,
    } as const;
    const opening = openDatabase({ ...options, turns: 'server' });
    const turns = await serveTurns(folder.paths.turnsSocket, silentLogger);
    const db = await opening;
    await migrate(db, MIGRATIONS, silentLogger);
    await db.close();
    await turns.close();
  });

  test('writing goes on when it is gone, and takes turns again when it is back', async () => {
    const { folder, turns, open } = await stage();
    const [db, other] = [await open(), await open()];
    await db.write((trx) => writeLead(trx, 'served'));
    await turns.close();
    await Promise.all([db, other, other].map((each) => each.write((trx) => writeLead(trx, 'alone'))));
    const back = await serveTurns(folder.paths.turnsSocket, silentLogger);
    clearings.push(() => back.close());
    await db.write((trx) => writeLead(trx, 'again'));
    expect((await sources(db)).filter((source) => source === 'alone')).toHaveLength(3);
  });
});

test('refuses a data folder whose socket has too long a name, and says what to do', async () => {
  const path = join('/tmp', 'x'.repeat(110), 'turns.sock');
  const failure = await serveTurns(path, silentLogger).catch((error) => error);
  expect(failure).toBeInstanceOf(CommandFailure);
  expect(failure.message).toContain('choose a shorter --data-dir');
});
