import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exposition, preferredFormat } from '@/platform/metrics/exposition.ts';
import type { Family, Metrics } from '@/platform/metrics/instruments.ts';
import { openMetrics } from '@/platform/metrics/store.ts';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ao-metrics-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const sampleOf = (
  families: readonly Family[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined => {
  const family = families.find((each) => each.name === name);
  if (!family || family.kind === 'histogram') return undefined;
  return family.samples.find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
};

const requests = (metrics: Metrics) =>
  metrics.counter('http_requests_total', { help: 'Requests.', labels: ['method', 'status'] });

/** Runs a script as a process of its own, which counts in file `file` and is then killed without notice. */
async function countAndDie(folder: string, file: number, body: string): Promise<void> {
  const script = `
    import { openMetrics } from '${join(import.meta.dir, '../../../src/platform/metrics/store.ts')}';
    const metrics = openMetrics({ folder: ${JSON.stringify(folder)}, file: ${file} });
    ${body}
    process.kill(process.pid, 'SIGKILL');`;
  const path = join(folder, `script-${file}.ts`);
  await Bun.write(path, script);
  await Bun.spawn([process.execPath, path], { stdout: 'inherit', stderr: 'inherit' }).exited;
}

describe('metrics over several processes', () => {
  test('a reader sees the sum of all files, also of those opened later', async () => {
    const folder = newFolder();
    const [one, two] = [openMetrics({ folder, file: 1 }), openMetrics({ folder, file: 2 })];
    requests(one).inc({ method: 'GET', status: '200' }, 2);
    requests(two).inc({ method: 'GET', status: '200' });
    expect(sampleOf(await one.collect(), 'http_requests_total', { method: 'GET', status: '200' })).toBe(3);
    const three = openMetrics({ folder, file: 3 });
    requests(three).inc({ method: 'GET', status: '200' }, 4);
    expect(sampleOf(await one.collect(), 'http_requests_total', { method: 'GET', status: '200' })).toBe(7);
  });

  test('a killed process loses no count, and its successor in the same file counts on', async () => {
    const folder = newFolder();
    const count = `const c = metrics.counter('ao_things_total', { help: 'Things.' }); for (let i = 0; i < 1000; i++) c.inc();
      metrics.gauge('ao_alive', { help: 'Alive.', merge: 'sum', labels: ['worker'] }).set(1, { worker: 'x' });`;
    await countAndDie(folder, 1, count);
    await countAndDie(folder, 1, count);
    await countAndDie(folder, 2, count);
    const reader = openMetrics({ folder, file: 0 });
    const families = await reader.collect();
    expect(sampleOf(families, 'ao_things_total')).toBe(3000);
    expect(sampleOf(families, 'ao_alive', { worker: 'x' })).toBeUndefined();
  });

  test('gauges count for the living only, added up or the greatest', async () => {
    const folder = newFolder();
    const [one, two] = [openMetrics({ folder, file: 1 }), openMetrics({ folder, file: 2 })];
    for (const [metrics, value] of [
      [one, 5],
      [two, 7],
    ] as const) {
      metrics.gauge('ao_sum', { help: 'Sum.', merge: 'sum' }).set(value);
      metrics.gauge('ao_max', { help: 'Greatest.', merge: 'max' }).set(value);
    }
    const both = await one.collect();
    expect([sampleOf(both, 'ao_sum'), sampleOf(both, 'ao_max')]).toEqual([12, 7]);
    two.close();
    const alone = await one.collect();
    expect([sampleOf(alone, 'ao_sum'), sampleOf(alone, 'ao_max')]).toEqual([5, 5]);
  });

  test('a peak is the highest that any process ever had, the dead and their successors included', async () => {
    const folder = newFolder();
    const peakOf = (metrics: Metrics) => metrics.gauge('ao_peak', { help: 'Peak.', merge: 'peak' });
    const reader = openMetrics({ folder, file: 0 });
    peakOf(reader).set(2);
    await countAndDie(folder, 1, `metrics.gauge('ao_peak', { help: 'Peak.', merge: 'peak' }).set(7);`);
    expect(sampleOf(await reader.collect(), 'ao_peak')).toBe(7);
    const successor = openMetrics({ folder, file: 1 });
    peakOf(successor).set(3);
    expect(sampleOf(await reader.collect(), 'ao_peak')).toBe(7);
    peakOf(reader).set(9);
    peakOf(reader).set(1);
    expect(sampleOf(await reader.collect(), 'ao_peak')).toBe(9);
  });

  test('series exist from the start with zero', async () => {
    const metrics = openMetrics({ folder: newFolder(), file: 0 });
    metrics.counter('ao_plain_total', { help: 'Plain.' });
    metrics.counter('ao_by_total', { help: 'By.', labels: ['scope'], initial: [{ scope: 'user' }] });
    metrics.gauge('ao_level', { help: 'Level.', merge: 'sum' });
    const families = await metrics.collect();
    expect(sampleOf(families, 'ao_plain_total')).toBe(0);
    expect(sampleOf(families, 'ao_by_total', { scope: 'user' })).toBe(0);
    expect(sampleOf(families, 'ao_level')).toBe(0);
  });

  test('more series than there is room for are dropped and counted', async () => {
    const metrics = openMetrics({ folder: newFolder(), file: 0 });
    const counter = metrics.counter('ao_many_total', { help: 'Many.', labels: ['x'] });
    for (let index = 0; index < 30_000; index += 1) counter.inc({ x: `label value number ${index}` });
    const families = await metrics.collect();
    const kept = families.find(({ name }) => name === 'ao_many_total')?.samples.length ?? 0;
    expect(kept).toBeGreaterThan(1000);
    expect(sampleOf(families, 'ao_metrics_series_dropped_total')).toBe(30_000 - kept);
  });

  test('one name declared in two ways is a mistake, twice in the same way is one instrument', async () => {
    const metrics = openMetrics({ folder: newFolder(), file: 0 });
    requests(metrics).inc({ method: 'GET', status: '200' });
    requests(metrics).inc({ method: 'GET', status: '200' });
    expect(sampleOf(await metrics.collect(), 'http_requests_total', { method: 'GET', status: '200' })).toBe(
      2,
    );
    expect(() => metrics.counter('http_requests_total', { help: 'Requests.' })).toThrow('two different ways');
    expect(() => metrics.counter('http_requests', { help: 'Requests.' })).toThrow('_total');
  });

  test('a computed gauge whose source fails leaves the rest of the scrape whole, and is counted', async () => {
    const metrics = openMetrics({ folder: newFolder(), file: 0 });
    metrics.computed('ao_queue_depth', { help: 'Depth.' }, () => Promise.reject(new Error('no database')));
    metrics.computed('ao_up', { help: 'Up.' }, () => [{ labels: {}, value: 1 }]);
    const families = await metrics.collect();
    expect(sampleOf(families, 'ao_up')).toBe(1);
    expect(sampleOf(families, 'ao_queue_depth')).toBeUndefined();
    const failures = (metric: string) => sampleOf(families, 'ao_metrics_computed_failures_total', { metric });
    expect([failures('ao_queue_depth'), failures('ao_up')]).toEqual([1, 0]);
  });
});

describe('exposition', () => {
  const filled = async (): Promise<readonly Family[]> => {
    const metrics = openMetrics({ folder: newFolder(), file: 0 });
    requests(metrics).inc({ method: 'GET', status: '200' }, 3);
    const seconds = metrics.histogram('http_request_duration_seconds', {
      help: 'Duration\nof "requests" \\ all.',
      labels: ['route'],
      bounds: [0.1, 1],
    });
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value, { route: '/a"b\\c' });
    return metrics.collect();
  };

  test('text format 0.0.4', async () => {
    expect(exposition(await filled(), 'text').split('\n')).toEqual([
      '# HELP ao_metrics_series_dropped_total Series that were dropped because the metrics file is full.',
      '# TYPE ao_metrics_series_dropped_total counter',
      'ao_metrics_series_dropped_total 0',
      '# HELP http_request_duration_seconds Duration\\nof "requests" \\\\ all.',
      '# TYPE http_request_duration_seconds histogram',
      'http_request_duration_seconds_bucket{route="/a\\"b\\\\c",le="0.1"} 2',
      'http_request_duration_seconds_bucket{route="/a\\"b\\\\c",le="1"} 3',
      'http_request_duration_seconds_bucket{route="/a\\"b\\\\c",le="+Inf"} 4',
      'http_request_duration_seconds_sum{route="/a\\"b\\\\c"} 7.65',
      'http_request_duration_seconds_count{route="/a\\"b\\\\c"} 4',
      '# HELP http_requests_total Requests.',
      '# TYPE http_requests_total counter',
      'http_requests_total{method="GET",status="200"} 3',
      '',
    ]);
  });

  test('OpenMetrics 1.0.0 names counter families without the suffix and ends with EOF', async () => {
    const lines = exposition(await filled(), 'openmetrics').split('\n');
    expect(lines).toContain('# TYPE http_requests counter');
    expect(lines).toContain('http_requests_total{method="GET",status="200"} 3');
    expect(lines).toContain('http_request_duration_seconds_bucket{route="/a\\"b\\\\c",le="1.0"} 3');
    expect(lines.slice(-2)).toEqual(['# EOF', '']);
  });

  test.each([
    [null, 'json'],
    ['*/*', 'json'],
    ['application/json, text/plain, */*', 'json'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'json'],
    ['text/plain', 'text'],
    ['text/plain, */*', 'text'],
    ['text/plain;version=0.0.4;q=0.5, application/json', 'json'],
    ['application/openmetrics-text; version=1.0.0', 'openmetrics'],
    [
      'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      'openmetrics',
    ],
    ['text/plain;version=0.0.4;q=1,*/*;q=0.1', 'text'],
    ['text/plain;q=0', 'json'],
    ['application/json;q=0, text/plain;q=0.1', 'text'],
  ] as const)('Accept %p is answered with %s', (accept, format) => {
    expect(preferredFormat(accept)).toBe(format);
  });
});
