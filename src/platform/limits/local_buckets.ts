/** Token buckets of this process alone: what limits while Redis is lost. Same arithmetic, own memory, bounded. */
import { LRUCache } from 'lru-cache';
import {
  type BucketReply,
  type BucketRequest,
  type BucketState,
  takeTokens,
} from '@/platform/limits/token_bucket.ts';

const MOST_BUCKETS = 50_000;

export class LocalBuckets {
  /** The bucket left alone for the longest is given up: most likely it is full again, which is the same as none. */
  private readonly states = new LRUCache<string, BucketState>({ max: MOST_BUCKETS });

  take(key: string, request: BucketRequest, now: number): BucketReply {
    const before = this.states.peek(key) ?? null;
    const { reply, keep } = takeTokens(before, request, now);
    const state = keep?.state ?? before;
    if (state) this.states.set(key, state);
    return reply;
  }

  /** Redis is back: what was counted here is of no more use. */
  clear(): void {
    this.states.clear();
  }

  get size(): number {
    return this.states.size;
  }
}
