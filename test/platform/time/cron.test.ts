import { afterEach, beforeEach, expect, test } from 'bun:test';
import { holdStill } from '@/platform/time/clock.ts';
import { CronTimes } from '@/platform/time/cron.ts';

const MINUTE = 60_000;
const MIDNIGHT = Date.UTC(2027, 0, 1);
let time = MIDNIGHT;
let release = (): void => undefined;
beforeEach(() => {
  time = MIDNIGHT;
  release = holdStill({ now: () => time });
});
afterEach(() => release());

test('a cron expression is due at its moments, in UTC, each once', () => {
  const times = new CronTimes('30 2 * * *');
  expect(times.leftMs).toBe(150 * MINUTE);
  expect(times.take()).toBe(false);
  time += 150 * MINUTE;
  expect(times.leftMs).toBe(0);
  expect(times.take()).toBe(true);
  expect(times.take()).toBe(false);
  expect(times.leftMs).toBe(24 * 60 * MINUTE);
});

test('moments that were missed count as one', () => {
  const times = new CronTimes('* * * * *');
  time += 10 * MINUTE + 1;
  expect(times.take()).toBe(true);
  expect(times.leftMs).toBe(MINUTE - 1);
});

test('a clock that is set back a little brings no moment twice, one that was far ahead does not block', () => {
  const times = new CronTimes('0 * * * *');
  time += 60 * MINUTE;
  expect(times.take()).toBe(true);
  time -= 5_000;
  expect(times.leftMs).toBe(60 * MINUTE + 5_000);
  time = MIDNIGHT + 30 * MINUTE;
  expect(times.leftMs).toBe(30 * MINUTE);
});

test('an expression whose moments are all over is never due', () => {
  expect(new CronTimes('0 0 0 1 1 * 2020').leftMs).toBe(Number.POSITIVE_INFINITY);
});
