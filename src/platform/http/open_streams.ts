/**
 * The event streams that are open in this process: bounded in number for each user and in all, counted, and ended together
 * when the process is about to leave, so that their clients go on elsewhere.
 */
import type { LiveConfig } from '@/platform/config/schema.ts';
import { TooManyRequests, Unavailable } from '@/platform/errors/problem.ts';
import type { Counter, Gauge, Metrics } from '@/platform/metrics/instruments.ts';

const END_REASONS = ['client', 'source', 'drain', 'admission', 'stalled', 'failed'] as const;
/**
 * Why a stream ended: the client left; there is no more; the process leaves; the credentials no longer hold; the client
 * does not read; a bug.
 */
export type EndReason = (typeof END_REASONS)[number];

interface Options {
  readonly config: LiveConfig;
  readonly metrics: Pick<Metrics, 'counter' | 'gauge'>;
}

/** Seconds after which a refused stream may be tried again. */
const RETRY_SECONDS = 5;

export class OpenStreams {
  private readonly open = new Set<(reason: EndReason) => void>();
  private readonly perOwner = new Map<string, number>();
  private readonly now: Gauge;
  private readonly ended: Counter;
  private left = false;

  constructor(private readonly options: Options) {
    this.now = options.metrics.gauge('ao_event_streams', {
      help: 'Event streams that are open now.',
      merge: 'sum',
    });
    this.ended = options.metrics.counter('ao_event_streams_ended_total', {
      help: 'Event streams that ended, by reason.',
      labels: ['reason'],
      initial: END_REASONS.map((reason) => ({ reason })),
    });
  }

  /** Whether the process is about to leave: a stream that is opened now is to end at once. */
  get leaving(): boolean {
    return this.left;
  }

  /** Silence after which a stream shows that it lives. */
  get heartbeatMs(): number {
    return this.options.config.current.server.event_stream_heartbeat_seconds * 1_000;
  }

  /**
   * Takes a place for a stream of `owner`, which `end` ends; returns the function that gives it back. Throws 429 when the
   * owner has too many, 503 when the process has.
   */
  enter(owner: string, end: (reason: EndReason) => void): (reason: EndReason) => void {
    const { max_event_streams: most, max_event_streams_per_user: mostOfOne } =
      this.options.config.current.server;
    const own = this.perOwner.get(owner) ?? 0;
    if (own >= mostOfOne) {
      throw new TooManyRequests(`You have ${own} event streams open, which is the limit.`, RETRY_SECONDS, {
        name: 'event-streams',
        field: `"event-streams";q=${mostOfOne};qu="concurrent-requests"`,
      });
    }
    if (this.open.size >= most) {
      throw new Unavailable('Too many event streams are open.', {
        headers: { 'retry-after': String(RETRY_SECONDS) },
      });
    }
    this.open.add(end);
    this.perOwner.set(owner, own + 1);
    this.now.add(1);
    return (reason) => {
      if (!this.open.delete(end)) return;
      const rest = (this.perOwner.get(owner) ?? 1) - 1;
      if (rest > 0) this.perOwner.set(owner, rest);
      else this.perOwner.delete(owner);
      this.now.add(-1);
      this.ended.inc({ reason });
    };
  }

  /** Ends all of them; what is opened from now on ends at once. */
  leave(): void {
    this.left = true;
    for (const end of [...this.open]) end('drain');
  }
}
