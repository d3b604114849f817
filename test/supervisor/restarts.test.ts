import { afterEach, describe, expect, test } from 'bun:test';
import { holdStill } from '@/platform/time/clock.ts';
import { restartDelayMs } from '@/supervisor/backoff.ts';
import { FileIndexes } from '@/supervisor/file_indexes.ts';

let release = (): void => undefined;
afterEach(() => release());

describe('the wait before a restart', () => {
  test.each([
    [1, 100],
    [2, 200],
    [3, 400],
    [7, 6_400],
    [8, 10_000],
    [10_000, 10_000],
  ])('after death %d in a row is %d ms at most', (deaths, longestMs) => {
    release = holdStill({ random: () => 1 });
    expect(restartDelayMs(deaths, { baseMs: 100, maxMs: 10_000 })).toBe(longestMs);
    release = holdStill({ random: () => 0 });
    expect(restartDelayMs(deaths, { baseMs: 100, maxMs: 10_000 })).toBe(longestMs * 0.75);
  });
});

describe('metrics files', () => {
  test('are given out lowest first, the first being the supervisor’s own, and again after a death', () => {
    const files = new FileIndexes();
    expect([files.take(), files.take(), files.take()]).toEqual([1, 2, 3]);
    files.free(2);
    expect([files.take(), files.take()]).toEqual([2, 4]);
  });
});
