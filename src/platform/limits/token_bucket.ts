/**
 * Token buckets, many in one call, each asked for several takes at once. A bucket of `capacity` tokens refills
 * fully and gradually in its window. What is kept is the debt: how much is missing, in units of a token divided by
 * the window's milliseconds, so that a token costs `windowMs` units and every millisecond pays `capacity` units
 * back. All of it is whole numbers: nothing is rounded away, and Lua and JavaScript cannot differ. A bucket that
 * is full is no key at all.
 */

export interface BucketState {
  readonly debt: number;
  /** Epoch milliseconds at which the debt was that. */
  readonly at: number;
  readonly windowMs: number;
}

export interface BucketRequest {
  readonly capacity: number;
  readonly windowMs: number;
  /** Tokens that one take costs. */
  readonly cost: number;
  /** How many takes are asked for; as many are granted as there are tokens. */
  readonly wanted: number;
}

export interface BucketReply {
  readonly granted: number;
  /** Whole tokens left after that. */
  readonly remaining: number;
  /** Until one more take would be granted; 0 when all were. */
  readonly retryAfterMs: number;
  /** Until there is one more whole token; 0 when the bucket is full. */
  readonly resetMs: number;
}

export interface BucketStep {
  readonly reply: BucketReply;
  /** What to keep, and for how long it differs from a full bucket; null when nothing was taken. */
  readonly keep: { readonly state: BucketState; readonly ttlMs: number } | null;
}

/** One call on one bucket. `state` null is a full bucket. */
export function takeTokens(state: BucketState | null, request: BucketRequest, now: number): BucketStep {
  const { capacity, windowMs, cost, wanted } = request;
  const full = capacity * windowMs;
  let debt = 0;
  if (state) {
    debt = state.debt;
    // The configuration has changed: the same number of tokens is missing, counted in new units.
    if (state.windowMs !== windowMs) debt = Math.ceil((debt / state.windowMs) * windowMs);
    // A clock that was set back pays nothing; the next step counts from the new time.
    debt = Math.min(full, Math.max(0, debt - Math.max(0, now - state.at) * capacity));
  }
  const price = cost * windowMs;
  const granted = Math.max(0, Math.min(wanted, Math.floor((full - debt) / price)));
  debt += granted * price;
  const remaining = Math.floor((full - debt) / windowMs);
  const missing = debt + price - full;
  return {
    reply: {
      granted,
      remaining,
      retryAfterMs: granted < wanted ? Math.max(0, Math.ceil(missing / capacity)) : 0,
      resetMs: debt === 0 ? 0 : Math.ceil(((remaining + 1) * windowMs - (full - debt)) / capacity),
    },
    keep: granted === 0 ? null : { state: { debt, at: now, windowMs }, ttlMs: Math.ceil(debt / capacity) },
  };
}

const STORED = /^(\d+):(\d+):(\d+)$/;

/** Null for what no bucket wrote: whoever put it there, the bucket starts full. */
export function parseBucket(text: string | null): BucketState | null {
  const parts = text === null ? null : STORED.exec(text);
  return parts ? { debt: Number(parts[1]), at: Number(parts[2]), windowMs: Number(parts[3]) } : null;
}

export const formatBucket = ({ debt, at, windowMs }: BucketState): string =>
  `${debt.toFixed(0)}:${at.toFixed(0)}:${windowMs.toFixed(0)}`;
