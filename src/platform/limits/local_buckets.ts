/** Token buckets of this process alone: what limits while Redis is lost. Same arithmetic, own memory, bounded. */
import {
  type BucketReply,
  type BucketRequest,
  type BucketState,
  takeTokens,
} from '@/platform/limits/token_bucket.ts';

const MOST_BUCKETS = 50_000;

export class LocalBuckets {
  /** In the order of their last use. */
  private readonly states = new Map<string, BucketState>();

  take(key: string, request: BucketRequest, now: number): BucketReply {
    const before = this.states.get(key) ?? null;
    const { reply, keep } = takeTokens(before, request, now);
    const state = keep?.state ?? before;
    if (state) {
      this.states.delete(key);
      this.states.set(key, state);
      this.makeRoom();
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

  /** The bucket left alone for the longest is given up: most likely it is full again, which is the same as none. */
  private makeRoom(): void {
    if (this.states.size <= MOST_BUCKETS) return;
    const [oldest] = this.states.keys();
    if (oldest !== undefined) this.states.delete(oldest);
  }
}
