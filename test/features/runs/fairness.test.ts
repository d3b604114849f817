import { describe, expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { testEngine } from '@test/support/engine.ts';
import { until } from '@test/support/wait.ts';
import { claimByShare, claimInOrder } from '@/features/runs/fairness.ts';
import { defineStep } from '@/features/workflows/step.ts';

const held = (places: Record<string, number>) => new Map(Object.entries(places));

describe('the sharing of places', () => {
  test.each([
    ['an idle executor fills three quarters in order', {}, 64, 64, 48],
    ['never more than is free', { a: 10, b: 20 }, 5, 64, 5],
    ['the busiest workflow stops at its share', { a: 47 }, 17, 64, 1],
    ['nothing in order once it has its share', { a: 48 }, 16, 64, 0],
    ['a small executor is not divided', {}, 2, 2, 2],
  ])('%s', (_, places, free, concurrency, expected) => {
    expect(claimInOrder(held(places), free, concurrency)).toBe(expected);
  });

  test('offers what is left to those that hold least, and nothing to the busiest', () => {
    expect(claimByShare(held({ a: 48, b: 3 }), 10, 64, ['a', 'b', 'c'])).toEqual([
      { workflowId: 'c', limit: 5 },
      { workflowId: 'b', limit: 5 },
    ]);
    expect(claimByShare(held({ a: 48 }), 16, 64, ['a'])).toEqual([]);
  });
});

forEachDatabase('a workflow with a long queue', (open) => {
  test('leaves room for others while its steps are slow', async () => {
    const release = Promise.withResolvers<void>();
    const slow = defineStep({
      type: 'slow',
      description: 'Ends when the test says so.',
      parameters: {},
      compile: () => ({ reads: new Set(), run: () => release.promise.then(() => ({ output: null })) }),
    });
    const quick = defineStep({
      type: 'quick',
      description: 'Ends at once.',
      parameters: {},
      compile: () => ({ reads: new Set(), run: () => ({ output: null }) }),
    });
    const engine = testEngine(await open(), { stepTypes: [slow, quick], runs: { concurrency: 8 } });
    const busy = await engine.workflow([{ id: 'a', type: 'slow' }]);
    const other = await engine.workflow([{ id: 'a', type: 'quick' }]);
    await Promise.all(Array.from({ length: 40 }, () => engine.start(busy.id)));
    const executor = engine.executor('a');
    executor.start();
    await until(async () => (await engine.runs.list({ status: 'running', limit: 100 })).runs.length === 6);
    const run = await engine.start(other.id);
    await until(async () => (await engine.runs.get(run)).status === 'completed');
    expect((await engine.runs.list({ status: 'running', limit: 100 })).runs).toHaveLength(6);
    release.resolve();
    await until(async () => (await engine.runs.list({ status: 'completed', limit: 100 })).runs.length === 41);
    await executor.stop(1000);
  });
});
