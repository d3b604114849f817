/** Percentiles and counts of calls. */
import type { Call } from './scenario.ts';

export interface Summary {
  readonly calls: number;
  readonly passed: number;
  /** Percent. */
  readonly passRate: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly statuses: ReadonlyMap<number, number>;
}

/** Nearest-rank percentile of sorted values; 0 for none. */
export const percentile = (sorted: readonly number[], percent: number): number =>
  sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;

export function summarise(calls: readonly Call[]): Summary {
  const latencies = calls.map((call) => call.latencyMs).sort((a, b) => a - b);
  const passed = calls.filter((call) => call.ok).length;
  const statuses = new Map<number, number>();
  for (const { status } of calls) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  return {
    calls: calls.length,
    passed,
    passRate: calls.length === 0 ? 0 : (100 * passed) / calls.length,
    p50: percentile(latencies, 50),
    p95: percentile(latencies, 95),
    p99: percentile(latencies, 99),
    max: latencies.at(-1) ?? 0,
    statuses,
  };
}

export const byRoute = (calls: readonly Call[]): Map<string, Call[]> =>
  new Map([...Map.groupBy(calls, (call) => call.route)].sort(([a], [b]) => a.localeCompare(b)));
