/** The Markdown report of a stress run and its charts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { barChart, lineChart, type Series } from './charts.ts';
import { type Call, LOGIN, type Load } from './scenario.ts';
import { byRoute, percentile, type Summary, summarise } from './statistics.ts';

export interface Outcome {
  /** "hardening on" or "hardening off". */
  readonly name: string;
  readonly calls: readonly Call[];
  /** When all users had begun and logged in. */
  readonly settledAtMs: number;
  /** CPU seconds that the server's processes used from then on. */
  readonly cpuSeconds: number;
}

const COLOURS = ['#2563eb', '#f59e0b'];
const colour = (index: number): string => COLOURS[index % COLOURS.length] ?? '#000';
const ms = (value: number): string => value.toFixed(1);

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

const row = (name: string, summary: Summary): string[] => [
  name,
  String(summary.calls),
  `${summary.passRate.toFixed(2)} %`,
  ms(summary.p50),
  ms(summary.p95),
  ms(summary.p99),
  ms(summary.max),
  [...summary.statuses].map(([status, count]) => `${status || 'no answer'}: ${count}`).join(', '),
];

const HEADER = ['', 'calls', 'passed', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'statuses'];

const perSecond = (
  calls: readonly Call[],
  value: (second: readonly Call[]) => number | null,
): (number | null)[] => {
  const seconds = Map.groupBy(calls, (call) => Math.floor(call.atMs / 1000));
  const length = Math.max(0, ...seconds.keys()) + 1;
  return Array.from({ length }, (_, second) => value(seconds.get(second) ?? []));
};

/** Null where there is nothing to measure. */
const p95 = (calls: readonly Call[]): number | null =>
  calls.length === 0
    ? null
    : percentile(
        calls.map((call) => call.latencyMs).sort((a, b) => a - b),
        95,
      );

/** Beside a password hash, everything else in a chart would be a line at its foot. */
const withoutLogins = (calls: readonly Call[]): Call[] => calls.filter(({ route }) => route !== LOGIN);

const settledCalls = ({ calls, settledAtMs }: Outcome): Call[] =>
  calls.filter(({ atMs }) => atMs >= settledAtMs);

/** What both runs have called: API keys exist only where there are users. */
function shared(calls: readonly Call[], others: readonly Call[]): Call[] {
  const routes = new Set(others.map(({ route }) => route));
  return calls.filter(({ route }) => routes.has(route));
}

function overhead(on: Outcome, off: Outcome): string {
  const [onCalls, offCalls] = [settledCalls(on), settledCalls(off)];
  const [hard, soft] = [summarise(shared(onCalls, offCalls)), summarise(shared(offCalls, onCalls))];
  const cpu = (outcome: Outcome) => (1000 * outcome.cpuSeconds) / Math.max(1, settledCalls(outcome).length);
  const ratio = (a: number, b: number) => (b === 0 ? '–' : `${(a / b).toFixed(2)}×`);
  return table(
    ['', on.name, off.name, 'ratio'],
    [
      ['p50 ms', ms(hard.p50), ms(soft.p50), ratio(hard.p50, soft.p50)],
      ['p95 ms', ms(hard.p95), ms(soft.p95), ratio(hard.p95, soft.p95)],
      ['p99 ms', ms(hard.p99), ms(soft.p99), ratio(hard.p99, soft.p99)],
      ['server CPU ms a call', cpu(on).toFixed(2), cpu(off).toFixed(2), ratio(cpu(on), cpu(off))],
    ],
  );
}

const ABOUT_OVERHEAD =
  'Hardening off means: no authentication, no rate limits, no access log; metrics and the audit log stay on. Counted from ' +
  'the moment when everybody had logged in, because a password hash is slow on purpose; latencies are of the routes that ' +
  'both runs have called.';

/** Writes `report.md` and its SVG files into `folder`; returns the path of the report. */
export function writeReport(
  folder: string,
  load: Load,
  workers: number,
  outcomes: readonly Outcome[],
): string {
  mkdirSync(folder, { recursive: true });
  const series = (values: (outcome: Outcome) => Series['values']): Series[] =>
    outcomes.map((outcome, index) => ({
      name: outcome.name,
      colour: colour(index),
      values: values(outcome),
    }));
  const routes = [...new Set(outcomes.flatMap(({ calls }) => [...byRoute(withoutLogins(calls)).keys()]))];
  const charts: Record<string, string> = {
    'throughput.svg': lineChart(
      'Calls a second',
      'seconds',
      'calls/s',
      series(({ calls }) => perSecond(calls, (second) => second.length)),
    ),
    'latency.svg': lineChart(
      '95th percentile of latency, log-ins aside',
      'seconds',
      'ms',
      series(({ calls }) => perSecond(withoutLogins(calls), p95)),
    ),
    'routes.svg': barChart(
      '95th percentile by route, log-ins aside',
      'ms',
      routes,
      series(({ calls }) => {
        const grouped = byRoute(calls);
        return routes.map((route) => p95(grouped.get(route) ?? []));
      }),
    ),
  };
  for (const [file, svg] of Object.entries(charts)) writeFileSync(join(folder, file), svg);

  const [on, off] = outcomes;
  const parts = [
    '# Stress report',
    `${new Date().toISOString()}: ${load.users} users for ${load.durationMs / 1000} s each way, ramp ${load.rampMs / 1000} s, ` +
      `${load.thinkMs[0] / 1000}-${load.thinkMs[1] / 1000} s between calls, ${workers} workers on ${cpus().length} cores. ` +
      'The load comes from the same machine.',
    '## Overall',
    table(
      HEADER,
      outcomes.map((outcome) => row(outcome.name, summarise(outcome.calls))),
    ),
    '![Calls a second](throughput.svg)',
    '![Latency](latency.svg)',
    ...(on && off ? ['## Overhead of hardening', ABOUT_OVERHEAD, overhead(on, off)] : []),
    ...outcomes.flatMap((outcome) => [
      `## By route: ${outcome.name}`,
      table(
        HEADER,
        [...byRoute(outcome.calls)].map(([route, calls]) => row(route, summarise(calls))),
      ),
    ]),
    '![By route](routes.svg)',
  ];
  const file = join(folder, 'report.md');
  writeFileSync(file, `${parts.join('\n\n')}\n`);
  return file;
}
