import { expect, test } from 'bun:test';
import { testConfig } from '@test/support/config.ts';
import { forEachDatabase } from '@test/support/databases.ts';
import { until } from '@test/support/wait.ts';
import { QueueWatch } from '@/features/runs/queue_watch.ts';
import type { Database } from '@/platform/db/database.ts';
import { createLogger } from '@/platform/log/log.ts';

/** Several workers that look at one queue, and what they all write. */
function workers(db: Database, count: number) {
  const queue = { depth: 0 };
  const lines: { level: string; msg: string; queue_depth: number }[] = [];
  const log = createLogger({ write: (line) => void lines.push(JSON.parse(line)) });
  const config = { current: testConfig({ monitoring: { queue_depth_warn: 10 } }) };
  const watches = Array.from(
    { length: count },
    () => new QueueWatch({ db, config, log, queueDepth: async () => queue.depth, everyMs: 5 }),
  );
  return { queue, lines, config, watches, look: () => Promise.all(watches.map((watch) => watch.look())) };
}

forEachDatabase('the watch over the queue', (open) => {
  test('warns once for each crossing, however many workers look and however often', async () => {
    const { queue, lines, look } = workers(await open(), 4);
    const levels = () => lines.map(({ level }) => level);
    await look();
    expect(levels()).toEqual([]);
    queue.depth = 10;
    await look();
    await look();
    expect(levels()).toEqual(['warn']);
    expect(lines[0]?.msg).toBe('queue depth at or above the limit');
    queue.depth = 9;
    await look();
    await look();
    expect(levels()).toEqual(['warn', 'info']);
    queue.depth = 5000;
    await look();
    expect(lines.at(-1)).toMatchObject({ level: 'warn', queue_depth: 5000, queue_depth_warn: 10 });
    expect(lines).toHaveLength(3);
  });

  test('remembers over restarts that it has warned', async () => {
    const db = await open();
    const before = workers(db, 1);
    before.queue.depth = 11;
    await before.look();
    const after = workers(db, 1);
    after.queue.depth = 12;
    await after.look();
    expect([before.lines.length, after.lines.length]).toEqual([1, 0]);
  });

  test('looks by itself until it is stopped', async () => {
    const { queue, lines, watches } = workers(await open(), 2);
    for (const watch of watches) watch.job.start();
    queue.depth = 20;
    await until(() => lines.length === 1);
    for (const watch of watches) await watch.job.stop();
  });
});
