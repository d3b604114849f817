/**
 * Token buckets that all workers share, exact through Redis; while Redis is lost, each worker limits by itself. A
 * request never fails for a lost Redis.
 *
 * Takes that arrive while a call to Redis is under way wait for it and go together as the next one: those of one
 * bucket as a single number, those of several buckets in one script call. So a hot bucket costs a busy worker one
 * call for each round trip, not one for each request, and no take is counted that was not asked for.
 */

import { messageOf } from '@/platform/errors/problem.ts';
import { REPLY_EACH, takeTokensArgs, takeTokensScript } from '@/platform/limits/take_tokens.ts';
import type { BucketReply } from '@/platform/limits/token_bucket.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { RedisLink } from '@/platform/redis/link.ts';
import { RedisLost } from '@/platform/redis/lost.ts';
import { runScript } from '@/platform/redis/script.ts';
import { now } from '@/platform/time/clock.ts';
import { LocalBuckets } from './local_buckets.ts';

export interface TakeRequest {
  /** Names the bucket. */
  readonly key: string;
  /** Tokens of a full bucket, whole. */
  readonly capacity: number;
  /** Seconds in which an empty bucket refills fully. */
  readonly windowSeconds: number;
  /** Tokens that this take costs, whole; 1 unless given. */
  readonly cost?: number;
}

export interface Taken {
  readonly allowed: boolean;
  /** Whole tokens left. */
  readonly remaining: number;
  /** When it would be allowed; 0 if it is. */
  readonly retryAfterMs: number;
  /** Until there is one more whole token; 0 when the bucket is full. */
  readonly resetMs: number;
  /** `local` while Redis is lost: exact for this worker only. */
  readonly source: 'redis' | 'local';
}

interface Options {
  readonly redis: Pick<RedisLink, 'run' | 'spansKeys' | 'state' | 'onStateChange'>;
  readonly log: Logger;
}

/** Takes of one bucket that go together, first come first served. */
interface Group {
  readonly key: string;
  readonly capacity: number;
  readonly windowMs: number;
  readonly cost: number;
  readonly waiting: ((taken: Taken) => void)[];
}

const KEY_PREFIX = 'limit:';
/** Buckets in one script call: so many keep Redis busy for a millisecond. */
const MOST_IN_CALL = 256;

export class TokenBuckets {
  private readonly local = new LocalBuckets();
  private pending = new Map<string, Group>();
  private underWay = false;
  private scheduled = false;

  constructor(private readonly options: Options) {
    options.redis.onStateChange((state) => {
      if (state === 'ready') this.local.clear();
    });
  }

  /** Never rejects. */
  take({ key, capacity, windowSeconds, cost = 1 }: TakeRequest): Promise<Taken> {
    const windowMs = Math.max(1, Math.round(windowSeconds * 1000));
    return new Promise((answer) => {
      const id = `${key} ${capacity} ${windowMs} ${cost}`;
      const group = this.pending.get(id);
      if (group) group.waiting.push(answer);
      else this.pending.set(id, { key, capacity, windowMs, cost, waiting: [answer] });
      this.schedule();
    });
  }

  /** After the requests that this turn of the event loop has brought, so that they go together. */
  private schedule(): void {
    if (this.underWay || this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => void this.carryOut());
  }

  private async carryOut(): Promise<void> {
    this.scheduled = false;
    this.underWay = true;
    const groups = [...this.pending.values()];
    this.pending = new Map();
    const { redis } = this.options;
    const most = redis.spansKeys ? MOST_IN_CALL : 1;
    const calls: Promise<void>[] = [];
    for (let at = 0; at < groups.length; at += most) calls.push(this.call(groups.slice(at, at + most)));
    await Promise.all(calls);
    this.underWay = false;
    if (this.pending.size > 0) this.schedule();
  }

  private async call(groups: readonly Group[]): Promise<void> {
    const { redis, log } = this.options;
    try {
      const keys = groups.map(({ key }) => KEY_PREFIX + key);
      const args = groups.flatMap((group) => takeTokensArgs({ ...group, wanted: group.waiting.length }));
      const reply = await redis.run((client) => runScript(client, takeTokensScript, keys, args));
      if (!isReply(reply, groups.length)) throw new Error('the token bucket script gave an unknown reply');
      groups.forEach((group, index) => {
        const at = index * REPLY_EACH;
        const [granted = 0, remaining = 0, retryAfterMs = 0, resetMs = 0] = reply.slice(at, at + REPLY_EACH);
        share(group, { granted, remaining, retryAfterMs, resetMs }, 'redis');
      });
    } catch (error) {
      if (!(error instanceof RedisLost))
        log.error('token buckets in Redis failed', { error: messageOf(error) });
      for (const group of groups) {
        const request = { ...group, wanted: group.waiting.length };
        share(group, this.local.take(group.key, request, now()), 'local');
      }
    }
  }
}

function isReply(reply: unknown, buckets: number): reply is number[] {
  return (
    Array.isArray(reply) &&
    reply.length === buckets * REPLY_EACH &&
    reply.every((number) => typeof number === 'number')
  );
}

/** The first of a group were granted; each sees what was left after its own take. */
function share({ waiting, cost }: Group, reply: BucketReply, source: Taken['source']): void {
  const { granted, remaining, retryAfterMs, resetMs } = reply;
  waiting.forEach((answer, index) => {
    const allowed = index < granted;
    answer({
      allowed,
      remaining: allowed ? remaining + (granted - 1 - index) * cost : remaining,
      retryAfterMs: allowed ? 0 : retryAfterMs,
      resetMs,
      source,
    });
  });
}
