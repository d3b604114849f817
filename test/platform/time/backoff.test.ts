import { afterEach, describe, expect, test } from 'bun:test';
import { backoffMs } from '@/platform/time/backoff.ts';
import { holdStill } from '@/platform/time/clock.ts';

let release = (): void => undefined;
afterEach(() => release());
const chance = (fraction: number): void => {
  release = holdStill({ random: () => fraction });
};

describe('the delay before another try', () => {
  test.each([
    // [failures, base, cap, longest]
    [1, 100, 10_000, 100],
    [2, 100, 10_000, 200],
    [3, 100, 10_000, 400],
    [7, 100, 10_000, 6_400],
    [8, 100, 10_000, 10_000],
    [10_000, 100, 10_000, 10_000],
    [1, 5_000, 1_000, 1_000],
    [0, 100, 10_000, 100],
  ])('after failure %d (base %d ms, cap %d ms) is %d ms at most', (failures, baseMs, maxMs, longest) => {
    for (const fraction of [0, 0.25, 0.5]) {
      chance(fraction);
      expect(backoffMs(failures, { baseMs, maxMs })).toBe(longest * fraction);
      expect(backoffMs(failures, { baseMs, maxMs, jitter: 0 })).toBe(longest);
    }
  });

  test.each([
    [0, 100],
    [0.25, 75],
    [0.5, 50],
    [1, 0],
  ])('with a jitter of %d is %d ms of 100 at least', (jitter, shortest) => {
    chance(0);
    expect(backoffMs(1, { baseMs: 100, maxMs: 100, jitter })).toBe(shortest);
  });
});
