import { expect, test } from 'bun:test';
import { testEngine, tester } from '@test/support/engine.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { recorder } from '@test/support/recorder.ts';
import { until } from '@test/support/wait.ts';
import { migrate } from '@/platform/db/migrate.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { serveTurns } from '@/platform/db/turns.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { MIGRATIONS } from '@/server/composition.ts';

const EXECUTOR = Bun.fileURLToPath(import.meta.resolve('../../support/executor_process.ts'));

async function cluster() {
  const folder = temporaryFolder();
  const turns = await serveTurns(folder.paths.turnsSocket, silentLogger);
  const db = await openDatabase({
    url: 'sqlite:test.sqlite3',
    poolSize: 1,
    paths: folder.paths,
    log: silentLogger,
    turns: 'server',
  });
  await migrate(db, MIGRATIONS, silentLogger);
  const children: Bun.Subprocess[] = [];
  return {
    db,
    engine: testEngine(db),
    async spawn(name: string) {
      const child = Bun.spawn([process.execPath, EXECUTOR, folder.path, name], { stdout: 'pipe' });
      children.push(child);
      await child.stdout.getReader().read();
      return child;
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(children.map((child) => child.exited));
      await db.close();
      await turns.close();
      folder.remove();
    },
  };
}

test('a run survives SIGKILL in the middle of a step: repeated with the same key, one record', async () => {
  const records = new Map<string, number>();
  await using crm = recorder(async ({ headers }, index) => {
    const key = headers.get('idempotency-key') ?? '';
    // The first call is carried out, and its answer never comes.
    records.set(key, records.get(key) ?? records.size + 1);
    if (index === 0) await Bun.sleep(60_000);
    return Response.json({ id: records.get(key) });
  });
  await using all = await cluster();
  const { engine } = all;
  await engine.connectors.configure(tester, { method: 'POST', url: `${crm.url}/contacts`, id_path: 'id' });
  await engine.workflow([{ id: 'crm', type: 'crm.upsert' }], { trigger: 'lead.created' });
  const first = await all.spawn('first');
  const { id } = await engine.leads.create(tester, { email: 'ada@example.com' }, null);
  await until(() => crm.calls.length === 1);
  first.kill('SIGKILL');
  await first.exited;
  await all.spawn('second');
  await until(async () => (await engine.leads.get(id))?.crm_id === '1');

  const [listed] = (await engine.runs.list({ lead_id: id, limit: 10 })).runs;
  const run = await engine.runs.get(listed?.id ?? '');
  expect(crm.keys()).toEqual([`${run.id}:crm`, `${run.id}:crm`]);
  expect(records.size).toBe(1);
  expect(run.status).toBe('completed');
  expect(run.attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, 'failed'],
    [2, 'succeeded'],
  ]);
}, 40_000);

test('no run is lost and none goes on twice while executors are killed again and again', async () => {
  const seen = new Map<string, number>();
  await using server = recorder(async ({ headers }) => {
    const key = headers.get('idempotency-key') ?? '';
    seen.set(key, (seen.get(key) ?? 0) + 1);
    await Bun.sleep(20);
    return Response.json({});
  });
  await using all = await cluster();
  const { engine, db } = all;
  const steps = ['a', 'b', 'c'].map((id) => ({ id, type: 'http.request', method: 'PUT', url: server.url }));
  const workflow = await engine.workflow(steps.map((step) => ({ ...step, retry: { max_attempts: 50 } })));
  const runs = 200;
  await Promise.all(Array.from({ length: runs }, () => engine.start(workflow.id)));
  for (let round = 0; round < 3; round++) {
    const before = server.calls.length;
    const child = await all.spawn(`victim-${round}`);
    await until(() => server.calls.length > before + 30);
    child.kill('SIGKILL');
    await child.exited;
  }
  await all.spawn('survivor');
  await until(
    async () => (await engine.runs.list({ status: 'completed', limit: 1000 })).runs.length === runs,
    { timeoutMs: 30_000, what: 'the completion of all runs' },
  );
  expect(seen.size).toBe(runs * 3);
  const succeeded = await db.read
    .selectFrom('run_attempts')
    .select(db.read.fn.countAll<number>().as('n'))
    .where('outcome', '=', 'succeeded')
    .executeTakeFirstOrThrow();
  expect(Number(succeeded.n)).toBe(runs * 3);
}, 60_000);
