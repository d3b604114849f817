import { expect, test } from 'bun:test';
import { sqliteOpener } from '@test/support/databases.ts';
import { testEngine, tester } from '@test/support/engine.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { RunMetrics } from '@/features/runs/metrics.ts';
import { openMetrics } from '@/platform/metrics/store.ts';

const open = sqliteOpener();

/** Metrics of a process, and what they say of runs: `workflow outcome` and how many. */
function metricsOfRuns() {
  const folder = temporaryFolder();
  const metrics = openMetrics({ folder: folder.paths.metrics, file: 0 });
  const ended = async () => {
    const family = (await metrics.collect()).find(({ name }) => name === 'ao_runs_total');
    const samples = family?.kind === 'counter' ? family.samples : [];
    return Object.fromEntries(
      samples.map(({ labels, value }) => [`${labels.workflow} ${labels.outcome}`, value]),
    );
  };
  const close = () => {
    metrics.close();
    folder.remove();
  };
  return { metrics, ended, [Symbol.dispose]: close };
}

test('the runs of a workflow are counted from zero, as soon as it exists, under each of its names', async () => {
  using counted = metricsOfRuns();
  const engine = testEngine(await open(), { metrics: counted.metrics });
  const made = await engine.workflow([{ id: 'a', type: 'delay', duration_ms: 0 }], { name: 'welcome' });
  expect(await counted.ended()).toEqual({
    'welcome completed': 0,
    'welcome failed': 0,
    'welcome cancelled': 0,
  });
  const renamed = { name: 'greet', trigger: 'manual', steps: made.steps } as const;
  await engine.workflows.replace(tester, made.id, renamed, null);
  expect(Object.keys(await counted.ended())).toContain('greet failed');
});

test('no more than a hundred names are told apart', async () => {
  using counted = metricsOfRuns();
  const runs = new RunMetrics(counted.metrics);
  for (let index = 0; index < 150; index += 1) runs.workflow(`workflow ${index}`);
  runs.runEnded('workflow 7', 'completed');
  runs.runEnded('workflow 130', 'failed');
  const ended = await counted.ended();
  expect(Object.keys(ended)).toHaveLength(303);
  expect([ended['workflow 7 completed'], ended['other failed']]).toEqual([1, 1]);
});
