/** The metrics of all workers, as a few figures in JSON or as a Prometheus scrape. */
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { FleetState, RedisTarget } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';
import { type ExpositionFormat, exposition } from '@/platform/metrics/exposition.ts';
import { greatestOf, meanOf, sumOf } from '@/platform/metrics/figures.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { iso, now } from '@/platform/time/clock.ts';
import { ProcessMeter } from './process_meter.ts';
import type { MetricsAnswer } from './schema.ts';

interface Options {
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly config: LiveConfig;
  readonly fleet: () => FleetState;
  readonly redis: { readonly state: 'ready' | 'lost'; readonly target: RedisTarget };
  readonly queueDepth: () => Promise<number>;
  readonly version: string;
}

const milliseconds = (seconds: number): number => Math.round(seconds * 1_000_000) / 1000;
const gauge = (value: number | boolean, labels: Record<string, string> = {}) => ({
  labels,
  value: Number(value),
});

export class MetricsService {
  /** Figures of this process; it keeps them fresh between scrapes while it runs. */
  readonly meter: ProcessMeter;

  constructor(private readonly options: Options) {
    const { metrics, log, fleet, redis, version } = options;
    this.meter = new ProcessMeter({ metrics, log });
    metrics.computed('ao_build_info', { help: 'Always 1; the labels say what runs.' }, () => [
      gauge(1, { version, bun: Bun.version }),
    ]);
    metrics.computed('process_start_time_seconds', { help: 'When the server started.' }, () => [
      gauge(fleet().startedAt / 1000),
    ]);
    metrics.computed('ao_workers', { help: 'Worker processes: those ready, and those wanted.' }, () => [
      gauge(fleet().workersReady, { state: 'ready' }),
      gauge(fleet().workersWanted, { state: 'wanted' }),
    ]);
    metrics.computed('ao_redis_up', { help: 'Whether Redis answers the worker that was scraped.' }, () => [
      gauge(redis.state === 'ready'),
    ]);
    metrics.computed(
      'ao_redis_mode',
      { help: '1 for the Redis in use: real, embedded, or embedded as a fallback.' },
      () => {
        const { mode, fallback } = redis.target;
        const inUse = mode === 'embedded' && fallback ? 'fallback' : mode;
        return ['real', 'embedded', 'fallback'].map((each) => gauge(each === inUse, { mode: each }));
      },
    );
  }

  async json(): Promise<MetricsAnswer> {
    const { metrics, config, fleet, queueDepth } = this.options;
    // The database is asked for this one figure; without it the others are still worth having.
    const depthOrNull = queueDepth().catch(() => null);
    const [families, depth] = await Promise.all([metrics.collect(), depthOrNull]);
    const failed = ({ status }: Readonly<Record<string, string>>): boolean => Number(status) >= 500;
    const { enabled, window_seconds, max_requests } = config.current.rate_limit;
    return {
      timestamp: iso(now()),
      metrics: {
        requests_total: sumOf(families, 'http_requests_total'),
        requests_failed: sumOf(families, 'http_requests_total', failed),
        avg_latency_ms: milliseconds(meanOf(families, 'http_request_duration_seconds')),
        max_latency_ms: milliseconds(greatestOf(families, 'ao_http_request_duration_max_seconds') ?? 0),
        uptime_seconds: Math.max(0, Math.round((now() - fleet().startedAt) / 1000)),
        queue_depth: depth,
      },
      rate_limit: { enabled, window_seconds, max_requests },
    };
  }

  async scrape(format: ExpositionFormat): Promise<string> {
    this.meter.measure();
    return exposition(await this.options.metrics.collect(), format);
  }
}
