/**
 * Runs a second of a workflow of three steps that do nothing, on SQLite with every checkpoint durable, carried out
 * by one and by four worker processes, beside openworkflow on its SQLite backend in the same run.
 *
 *   bun scripts/bench/runs.ts [--runs 20000] [--peer-runs 1000] [--workers 1,4] [--concurrency 64]
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { temporaryFolder } from '@test/support/folder.ts';
import { until } from '@test/support/wait.ts';
import type { Database } from '@/platform/db/database.ts';
import { migrate } from '@/platform/db/migrate.ts';
import { serveTurns } from '@/platform/db/turns.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { MIGRATIONS } from '@/server/composition.ts';
import { openEngine } from './runs_engine.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' },
    'peer-runs': { type: 'string', default: '1000' },
    workers: { type: 'string', default: '1,4' },
    concurrency: { type: 'string', default: '64' },
  },
});
const runs = Number(flags.runs);
const concurrency = Number(flags.concurrency);

interface Figures {
  readonly enqueues: number;
  readonly runs: number;
}

const STEPS = ['one', 'two', 'three'].map((id) => ({ id, type: 'delay', duration_ms: 0 }));

async function ours(workers: number): Promise<Figures> {
  await using folder = temporaryFolder();
  mkdirSync(folder.paths.run, { recursive: true });
  const turns = await serveTurns(folder.paths.turnsSocket, silentLogger);
  const { db, engine } = await openEngine(folder.paths, concurrency);
  await migrate(db, MIGRATIONS, silentLogger);
  const workflow = await engine.workflow(STEPS);

  const enqueueStart = performance.now();
  let left = runs;
  const enqueue = async (): Promise<void> => {
    while (left-- > 0)
      await db.write((trx) => engine.queue.enqueue(trx, workflow, { trigger: 'manual', leadId: null }));
  };
  await Promise.all(Array.from({ length: concurrency }, enqueue));
  const enqueueSeconds = (performance.now() - enqueueStart) / 1000;

  const children = await Promise.all(Array.from({ length: workers }, () => startWorker(folder.path)));
  const start = performance.now();
  for (const child of children) await child.stdin.write('go\n');
  await until(async () => (await unfinished(db)) === 0, { timeoutMs: 300_000, intervalMs: 5 });
  const seconds = (performance.now() - start) / 1000;
  for (const child of children) await child.stdin.write('stop\n');
  await Promise.all(children.map((child) => child.exited));
  await check(db);
  await db.close();
  await turns.close();
  return { enqueues: runs / enqueueSeconds, runs: runs / seconds };
}

async function startWorker(folder: string) {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, 'runs_worker.ts'), folder, String(concurrency)],
    {
      stdin: 'pipe',
      stdout: 'pipe',
      env: { ...Bun.env, NODE_ENV: 'production' },
    },
  );
  await child.stdout.getReader().read();
  return child;
}

/** Reads one index entry: watching must cost nothing. */
async function unfinished(db: Database): Promise<number> {
  const rows = await db.read
    .selectFrom('runs')
    .select('id')
    .where('status', 'in', ['queued', 'waiting', 'running'])
    .limit(1)
    .execute();
  return rows.length;
}

/** Every run completed, with three attempts: what was counted was really done. */
async function check(db: Database): Promise<void> {
  const count = (table: 'runs' | 'run_attempts') =>
    db.read.selectFrom(table).select(db.read.fn.countAll<number>().as('n')).executeTakeFirstOrThrow();
  const attempts = Number((await count('run_attempts')).n);
  if (attempts !== runs * STEPS.length) throw new Error(`${attempts} attempts for ${runs} runs`);
}

async function peer(): Promise<Figures> {
  await using folder = temporaryFolder();
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, 'runs_peer.ts'),
      join(folder.path, 'peer.sqlite3'),
      flags['peer-runs'],
      String(concurrency),
    ],
    { stdout: 'pipe', env: { ...Bun.env, NODE_ENV: 'production' } },
  );
  return JSON.parse(await new Response(child.stdout).text());
}

const row = (name: string, { enqueues, runs: perSecond }: Figures, base: Figures): string =>
  `| ${name} | ${Math.round(enqueues)} | ${Math.round(perSecond)} | ${(perSecond / base.runs).toFixed(1)} |`;

const base = await peer();
const lines = [row('openworkflow, 1 process', base, base)];
for (const workers of flags.workers.split(',').map(Number)) {
  lines.push(
    row(`ours, ${workers} worker ${workers === 1 ? 'process' : 'processes'}`, await ours(workers), base),
  );
}
process.stdout.write(
  ['| engine | enqueues/s | runs/s | ratio |', '|---|---:|---:|---:|', ...lines, ''].join('\n'),
);
