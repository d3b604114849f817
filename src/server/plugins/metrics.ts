/** Counts every request by its outcome, whatever it was: answers, refusals, bugs, and paths that nobody knows. */
import { Elysia } from 'elysia';
import { findContext } from '@/platform/http/context.ts';
import { statusOf } from '@/platform/http/outcome.ts';
import type { RouteTable } from '@/platform/http/routes.ts';
import type { Labels, Metrics } from '@/platform/metrics/instruments.ts';

interface MetricsOptions {
  readonly metrics: Pick<Metrics, 'counter' | 'gauge' | 'histogram'>;
}

/** Seconds; from a cached answer to the slowest password hash under load. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** Clients may send any word as a method; a label may not take them all. */
const methodLabel = (method: string): string => (METHODS.has(method) ? method : 'other');
const UNMATCHED = 'unmatched';

export function requestMetrics({ metrics }: MetricsOptions) {
  /** The instruments, with these series at least. */
  const declare = (initial: readonly Labels[]) => ({
    requests: metrics.counter('http_requests_total', {
      help: 'Requests answered, by route pattern and status.',
      labels: ['method', 'route', 'status'],
      initial,
    }),
    durations: metrics.histogram('http_request_duration_seconds', {
      help: 'Time from the arrival of a request to its answer, by route pattern.',
      labels: ['method', 'route'],
      bounds: BOUNDS,
      initial,
    }),
  });
  const { requests, durations } = declare([{ method: 'GET', route: UNMATCHED, status: '404' }]);
  const slowest = metrics.gauge('ao_http_request_duration_max_seconds', {
    help: 'The longest time a request took since the server started, by any worker, including those that have died.',
    merge: 'peak',
  });
  const inFlight = metrics.gauge('http_requests_in_flight', {
    help: 'Requests that are being answered now.',
    merge: 'sum',
  });
  const plugin = new Elysia({ name: 'metrics' })
    .onRequest(() => {
      inFlight.add(1);
    })
    .onAfterResponse({ as: 'global' }, ({ request, route, responseValue, set }) => {
      const context = findContext(request);
      if (!context) return;
      inFlight.add(-1);
      const seconds = (performance.now() - context.startedAt) / 1000;
      const labels = {
        method: methodLabel(request.method),
        route: route ?? UNMATCHED,
        status: String(statusOf(responseValue, set.status)),
      };
      requests.inc(labels);
      durations.observe(seconds, labels);
      slowest.set(seconds);
    });
  /** Every route has its series from the start, so that a rate is right from the first request on. */
  const initialise = (routes: RouteTable): void => {
    const successes = routes
      .all()
      .flatMap(({ method, path: route, successes }) =>
        successes.map((status) => ({ method, route, status: String(status) })),
      );
    declare(successes);
  };
  return { plugin, initialise };
}
