import { expect, test } from 'bun:test';
import { sqliteOpener } from '@test/support/databases.ts';
import { testEngine, tester } from '@test/support/engine.ts';
import { recorder } from '@test/support/recorder.ts';
import { until } from '@test/support/wait.ts';
import { defineStep } from '@/features/workflows/step.ts';
import type { Database } from '@/platform/db/database.ts';
import { StorageFull } from '@/platform/errors/problem.ts';

const open = sqliteOpener();

/** The same database, whose writes fail while told to. */
function failing(db: Database) {
  const state = { fail: false, refused: 0 };
  const wrapped: Database = {
    dialect: db.dialect,
    read: db.read,
    write: (work) => {
      if (!state.fail) return db.write(work);
      state.refused++;
      return Promise.reject(new StorageFull('full'));
    },
    ping: () => db.ping(),
    close: () => db.close(),
  };
  return { state, db: wrapped };
}

test('a full disk delays a checkpoint and repeats no step', async () => {
  const { db, state } = failing(await open());
  await using server = recorder(async () => {
    state.fail = true;
    return Response.json({});
  });
  const engine = testEngine(db);
  const executor = engine.executor('a');
  executor.start();
  const workflow = await engine.workflow([{ id: 'call', type: 'http.request', url: server.url }]);
  const id = await engine.start(workflow.id);
  await until(() => state.refused >= 3);
  expect(executor.health().state).toBe('degraded');
  state.fail = false;
  await until(async () => (await engine.runs.get(id)).status === 'completed');
  await until(() => executor.health().state === 'running');
  await executor.stop(1000);
  expect(server.calls).toHaveLength(1);
});

test('an executor that cannot renew its lease lets go before another takes the run', async () => {
  const database = await open();
  const { db, state } = failing(database);
  let stopped = 0;
  const endless = defineStep({
    type: 'endless',
    description: 'Ends when its signal fires.',
    parameters: {},
    compile: () => ({
      reads: new Set(),
      run: ({ signal }) =>
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => {
            stopped++;
            reject(signal.reason);
          });
        }),
    }),
  });
  const options = { stepTypes: [endless], runs: { lease_seconds: 2 } };
  const engine = testEngine(db, options);
  const executor = engine.executor('cut off');
  executor.start();
  const workflow = await engine.workflow([{ id: 'x', type: 'endless' }]);
  const id = await engine.start(workflow.id);
  await until(async () => (await engine.runs.get(id)).status === 'running');
  state.fail = true;
  await until(() => stopped === 1, { timeoutMs: 5000, what: 'the executor letting go' });
  state.fail = false;
  await testEngine(database, options).runs.cancel(tester, id);
  await executor.stop(1000);
});

test('one change that cannot be made fails its step and keeps nobody else back', async () => {
  const engine = testEngine(await open(), {
    stepTypes: [
      defineStep({
        type: 'broken',
        description: 'Its change always fails.',
        parameters: {},
        compile: () => ({
          reads: new Set(),
          run: () => ({
            output: null,
            apply: () => Promise.reject(new Error('constraint')),
          }),
        }),
      }),
    ],
  });
  const bad = await engine.workflow([{ id: 'x', type: 'broken', retry: { max_attempts: 1 } }]);
  const good = await engine.workflow([{ id: 'x', type: 'delay', duration_ms: 0 }]);
  const executor = engine.executor('a');
  const ids = [await engine.start(bad.id), await engine.start(good.id)];
  executor.start();
  await until(async () => (await engine.runs.get(ids[1] ?? '')).status === 'completed');
  await until(async () => (await engine.runs.get(ids[0] ?? '')).status === 'failed');
  expect(await engine.runs.get(ids[0] ?? '')).toMatchObject({ error: 'constraint' });
  await executor.stop(1000);
});
