/** How long to wait before trying again: exponential back-off with a cap and jitter, in one place. Pure but for chance. */
import { random } from './clock.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /**
   * How much of the delay is left to chance, from 0 to 1. 1 is full jitter, the default: it spreads best those that
   * failed together. Less keeps a shortest delay, for those who must not try again at once.
   */
  readonly jitter?: number;
}

/** Doubling further changes nothing that any cap would let through. */
const MOST_DOUBLINGS = 40;

/** The longest delay after the `failures`-th failure in a row (from 1): doubles from `baseMs` up to `maxMs`. */
function longestBackoffMs(failures: number, { baseMs, maxMs }: BackoffOptions): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(MOST_DOUBLINGS, Math.max(0, failures - 1)));
}

/** A delay after the `failures`-th failure in a row (from 1), in whole milliseconds. */
export function backoffMs(failures: number, options: BackoffOptions): number {
  const { jitter = 1 } = options;
  return Math.round(longestBackoffMs(failures, options) * (1 - jitter + jitter * random()));
}
