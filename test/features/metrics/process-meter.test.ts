import { afterEach, expect, jest, test } from 'bun:test';
import { temporaryFolder } from '@test/support/folder.ts';
import { ProcessMeter } from '@/features/metrics/process_meter.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { openMetrics } from '@/platform/metrics/store.ts';

afterEach(() => void jest.useRealTimers());

/** A meter, and the figures that it keeps. */
function meter() {
  const folder = temporaryFolder();
  const metrics = openMetrics({ folder: folder.paths.metrics, file: 0 });
  const figure = async (name: string): Promise<number> => {
    const family = (await metrics.collect()).find((each) => each.name === name);
    return family && family.kind !== 'histogram' ? (family.samples[0]?.value ?? Number.NaN) : Number.NaN;
  };
  const close = () => {
    metrics.close();
    folder.remove();
  };
  return { meter: new ProcessMeter({ metrics, log: silentLogger }), figure, [Symbol.dispose]: close };
}

/** Keeps the processor busy until this process has used so much of it. */
function work(milliseconds: number): void {
  const end = process.cpuUsage().user + milliseconds * 1_000;
  while (process.cpuUsage().user < end);
}

test('a process measures its memory, files and processor time as soon as it starts', async () => {
  using measured = meter();
  jest.useFakeTimers();
  measured.meter.job.start();
  jest.advanceTimersByTime(0);
  await measured.meter.job.stop();
  const { rss } = process.memoryUsage();
  expect(await measured.figure('process_resident_memory_bytes')).toBeWithin(rss / 4, rss * 4);
  expect(await measured.figure('ao_process_heap_bytes')).toBeGreaterThan(0);
  expect(await measured.figure('process_open_fds')).toBeGreaterThan(2);
  expect(await measured.figure('process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(await measured.figure('ao_event_loop_lag_seconds')).toBe(0);
});

test('processor time is what was used since the start of the process, counted once', async () => {
  using measured = meter();
  const used = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  };
  const before = used();
  measured.meter.measure();
  work(20);
  measured.meter.measure();
  measured.meter.measure();
  expect(await measured.figure('process_cpu_seconds_total')).toBeWithin(before + 0.02, used());
});

test('it measures again while it runs, and no more when it was stopped', async () => {
  using measured = meter();
  const processorTime = () => measured.figure('process_cpu_seconds_total');
  jest.useFakeTimers();
  measured.meter.job.start();
  jest.advanceTimersByTime(0);
  const first = await processorTime();
  work(5);
  jest.advanceTimersByTime(5_000);
  const second = await processorTime();
  expect(second).toBeGreaterThan(first);
  await measured.meter.job.stop();
  work(5);
  jest.advanceTimersByTime(5_000);
  expect(await processorTime()).toBe(second);
});
