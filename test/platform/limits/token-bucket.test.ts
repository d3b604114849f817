/** The arithmetic of token buckets, by tables and properties. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { type BucketState, formatBucket, parseBucket, takeTokens } from '@/platform/limits/token_bucket.ts';

const START = 1_800_000_000_000;
const ask = { capacity: 120, windowMs: 60_000, cost: 1, wanted: 1 };

/** Plays takes one after the other; `waits` are milliseconds before each. */
function play(waits: readonly number[], request: Partial<typeof ask> = {}) {
  let state: BucketState | null = null;
  let now = START;
  return waits.map((wait) => {
    now += wait;
    const step = takeTokens(state, { ...ask, ...request }, now);
    state = step.keep?.state ?? state;
    return step.reply;
  });
}

describe('a token bucket', () => {
  test('grants its capacity at once and then no more', () => {
    const replies = play(Array<number>(121).fill(0));
    expect(replies.filter(({ granted }) => granted === 1)).toHaveLength(120);
    expect(replies[0]).toEqual({ granted: 1, remaining: 119, retryAfterMs: 0, resetMs: 500 });
    expect(replies[119]).toEqual({ granted: 1, remaining: 0, retryAfterMs: 0, resetMs: 500 });
    expect(replies[120]).toEqual({ granted: 0, remaining: 0, retryAfterMs: 500, resetMs: 500 });
  });

  test('refills gradually, a token every window / capacity', () => {
    const drained = play([...Array<number>(120).fill(0), 499, 1, 0, 1500, 0, 0, 0]).slice(120);
    expect(drained.map(({ granted }) => granted)).toEqual([0, 1, 0, 1, 1, 1, 0]);
  });

  test('is full again after its window, never fuller', () => {
    const replies = play([...Array<number>(120).fill(0), 60_000, 3_600_000]);
    expect(replies[120]?.remaining).toBe(119);
    expect(replies[121]?.remaining).toBe(119);
  });

  test('grants as many of a batch as there are tokens', () => {
    expect(play([0, 0], { wanted: 100 })).toEqual([
      { granted: 100, remaining: 20, retryAfterMs: 0, resetMs: 500 },
      { granted: 20, remaining: 0, retryAfterMs: 500, resetMs: 500 },
    ]);
  });

  test('a take that costs more than one token waits for all of them', () => {
    const [first, second] = play([0, 0], { capacity: 10, windowMs: 10_000, cost: 6 });
    expect(first).toEqual({ granted: 1, remaining: 4, retryAfterMs: 0, resetMs: 1000 });
    expect(second).toEqual({ granted: 0, remaining: 4, retryAfterMs: 2000, resetMs: 1000 });
  });

  test('a clock that was set back neither refills nor freezes the bucket', () => {
    const [, back, later] = play([0, -3_600_000, 500], { wanted: 120 });
    expect(back?.granted).toBe(0);
    // Nothing was taken, so the old moment stands; a bucket in use moves on with the new clock.
    expect(later?.granted).toBe(0);
    const inUse = play([0, -3_600_000, 500, 500], { wanted: 60, capacity: 120 });
    expect(inUse.map(({ granted }) => granted)).toEqual([60, 60, 1, 1]);
  });

  test('a changed capacity keeps the tokens that are missing', () => {
    const { keep } = takeTokens(null, { ...ask, wanted: 100 }, START);
    const raised = takeTokens(keep?.state ?? null, { ...ask, capacity: 200, wanted: 200 }, START);
    expect(raised.reply.granted).toBe(100);
    const lowered = takeTokens(keep?.state ?? null, { ...ask, capacity: 50 }, START);
    expect(lowered.reply).toMatchObject({ granted: 0, remaining: 0 });
    expect(lowered.reply.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test('a changed window keeps the tokens that are missing', () => {
    const { keep } = takeTokens(null, { ...ask, wanted: 100 }, START);
    expect(takeTokens(keep?.state ?? null, { ...ask, windowMs: 10_000 }, START).reply.remaining).toBe(19);
  });

  test('forgets foreign values instead of failing', () => {
    for (const text of [null, '', 'x', '1:2', '1:2:3:4', '-1:2:3', '1.5:2:3'])
      expect(parseBucket(text)).toBeNull();
  });
});

const requests = fc.record({
  capacity: fc.integer({ min: 1, max: 1_000_000_000 }),
  windowMs: fc.integer({ min: 1, max: 86_400 }).map((seconds) => seconds * 1000),
  cost: fc.integer({ min: 1, max: 10 }),
  wanted: fc.integer({ min: 1, max: 2000 }),
});

describe('every token bucket', () => {
  test('never grants more in a time than its capacity and what flowed in meanwhile', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 120 }),
        fc.array(fc.record({ wait: fc.nat(5000), wanted: fc.integer({ min: 1, max: 50 }) }), {
          maxLength: 60,
        }),
        (capacity, seconds, steps) => {
          let state: BucketState | null = null;
          let now = START;
          let granted = 0;
          for (const { wait, wanted } of steps) {
            now += wait;
            const request = { capacity, windowMs: seconds * 1000, cost: 1, wanted };
            const step = takeTokens(state, request, now);
            state = step.keep?.state ?? state;
            granted += step.reply.granted;
            expect(granted).toBeLessThanOrEqual(capacity + ((now - START) * capacity) / (seconds * 1000));
          }
        },
      ),
    );
  });

  test('a batch grants exactly what as many single takes would', () => {
    fc.assert(
      fc.property(requests, fc.nat(100_000), ({ wanted, ...request }, wait) => {
        const before =
          takeTokens(null, { ...request, wanted: Math.ceil(wanted / 2) }, START).keep?.state ?? null;
        const batch = takeTokens(before, { ...request, wanted }, START + wait);
        let state = before;
        let single = 0;
        for (let i = 0; i < wanted; i++) {
          const step = takeTokens(state, { ...request, wanted: 1 }, START + wait);
          state = step.keep?.state ?? state;
          single += step.reply.granted;
        }
        expect(batch.reply.granted).toBe(single);
        expect(batch.keep?.state ?? before).toEqual(state);
      }),
    );
  });

  test('grants after the wait that it named, and not a millisecond before', () => {
    fc.assert(
      fc.property(
        requests.filter(({ capacity, windowMs, cost }) => cost <= capacity && capacity * windowMs < 2 ** 53),
        ({ wanted, ...request }) => {
          const empty = takeTokens(null, { ...request, wanted: request.capacity }, START).keep?.state ?? null;
          const { retryAfterMs } = takeTokens(empty, { ...request, wanted: 1 }, START).reply;
          fc.pre(retryAfterMs > 0);
          expect(takeTokens(empty, { ...request, wanted: 1 }, START + retryAfterMs).reply.granted).toBe(1);
          expect(takeTokens(empty, { ...request, wanted: 1 }, START + retryAfterMs - 1).reply.granted).toBe(
            0,
          );
        },
      ),
    );
  });

  test('reads back what it wrote', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const state = takeTokens(null, request, START).keep?.state;
        if (state) expect(parseBucket(formatBucket(state))).toEqual(state);
      }),
    );
  });
});
