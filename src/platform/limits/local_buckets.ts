/** Token buckets of this process alone: what limits while Redis is lost. Same arithmetic, own memory, bounded. */
import {
  type BucketReply,
  type BucketRequest,
  type BucketState,
  takeTokens,
} from '@/platform/redis/token_bucket.ts';

const MOST_BUCKETS = 50_000;

export class LocalBuckets {
  private readonly states = new Map<string, { readonly state: BucketState; readonly fullAt: number }>();

  take(key: string, request: BucketRequest, now: number): BucketReply {
    const { reply, keep } = takeTokens(this.states.get(key)?.state ?? null, request, now);
    if (keep) {
      // To the end of the line: the first in it has been left alone for the longest.
      this.states.delete(key);
      this.states.set(key, { state: keep.state, fullAt: now + keep.ttlMs });
      if (this.states.size > MOST_BUCKETS) this.makeRoom(now);
    }
    return reply;
  }

  /** Redis is back: what was counted here is of no more use. */
  clear(): void {
    this.states.clear();
  }

  get size(): number {
    return this.states.size;
  }

  /** A full bucket is the same as none; only when all are in use, the one left alone longest is given up. */
  private makeRoom(now: number): void {
    for (const [key, { fullAt }] of this.states) {
      if (fullAt <= now) this.states.delete(key);
    }
    const [oldest] = this.states.keys();
    if (this.states.size > MOST_BUCKETS && oldest !== undefined) this.states.delete(oldest);
  }
}
