import { afterEach, describe, expect, test } from 'bun:test';
import { afterAttempt, attemptRow, type Outcome, retryDelayMs } from '@/features/runs/state.ts';
import { holdStill } from '@/platform/time/clock.ts';

const retry = { maxAttempts: 3, baseMs: 100, maxMs: 1000 };
const good: Outcome = { kind: 'succeeded', output: 1, resumeAt: null };
const bad = (over: Partial<Outcome & { kind: 'failed' }> = {}): Outcome => ({
  kind: 'failed',
  error: 'no',
  transient: true,
  retryAfterMs: null,
  ...over,
});

let release = (): void => undefined;
afterEach(() => release());
const jitter = (fraction: number): void => {
  release = holdStill({ random: () => fraction });
};

describe('the state of a run after an attempt', () => {
  const state = { cursor: 1, attempt: 0, forgiven: 0 };
  const cases: [string, Outcome, object, object, object][] = [
    ['goes on', good, state, {}, { cursor: 2, attempt: 0, status: 'running', error: null }],
    ['is over behind the last step', good, state, { isLast: true }, { cursor: 2, status: 'completed' }],
    [
      'is handed back when the worker stops',
      good,
      state,
      { handBack: true },
      { cursor: 2, status: 'queued' },
    ],
    [
      'rests until its time',
      { ...good, resumeAt: 5000 },
      state,
      {},
      { cursor: 2, status: 'waiting', availableAt: 5000 },
    ],
    [
      'rests behind the last step, too',
      { ...good, resumeAt: 5000 },
      state,
      { isLast: true },
      { cursor: 2, status: 'waiting', availableAt: 5000 },
    ],
    ['does not rest for a time that is over', { ...good, resumeAt: 500 }, state, {}, { status: 'running' }],
    [
      'waits for its next attempt',
      bad(),
      state,
      {},
      { cursor: 1, attempt: 1, status: 'waiting', error: 'no' },
    ],
    [
      'fails after the last attempt',
      bad(),
      { cursor: 1, attempt: 2, forgiven: 0 },
      {},
      { attempt: 3, status: 'failed' },
    ],
    [
      'counts attempts anew after a retry by hand, and goes on numbering them',
      bad(),
      { cursor: 1, attempt: 3, forgiven: 3 },
      {},
      { attempt: 4, forgiven: 3, status: 'waiting' },
    ],
    [
      'fails after the last attempt since a retry by hand',
      bad(),
      { cursor: 1, attempt: 5, forgiven: 3 },
      {},
      { attempt: 6, status: 'failed' },
    ],
    [
      'forgets the retry with the next step',
      good,
      { cursor: 1, attempt: 3, forgiven: 3 },
      {},
      { cursor: 2, attempt: 0, forgiven: 0 },
    ],
    [
      'fails at once for what cannot pass',
      bad({ transient: false }),
      state,
      {},
      { attempt: 1, status: 'failed' },
    ],
    [
      'goes on at once when its worker was lost',
      bad({ lost: true }),
      state,
      {},
      { attempt: 1, status: 'running' },
    ],
    [
      'fails when its worker was lost in the last attempt',
      bad({ lost: true }),
      { cursor: 1, attempt: 2, forgiven: 0 },
      {},
      { attempt: 3, status: 'failed' },
    ],
  ];
  test.each(cases)('%s', (_, outcome, before, options, expected) => {
    jitter(0.5);
    const next = afterAttempt(before as typeof state, outcome, {
      isLast: false,
      retry,
      now: 1000,
      handBack: false,
      ...options,
    });
    expect(next).toMatchObject(expected);
  });
});

describe('the wait before a retry', () => {
  test.each([
    [1, 0, null, 0],
    [1, 1, null, 100],
    [2, 1, null, 200],
    [3, 0.5, null, 200],
    [9, 1, null, 1000],
    [500, 1, null, 1000],
    [1, 0, 5000, 5000],
    [9, 1, 5000, 6000],
    [1, 0, 999_999_999_999, 86_400_000],
  ])('attempt %p, jitter %p, Retry-After %p: %p ms', (attempt, fraction, retryAfter, expected) => {
    jitter(fraction);
    expect(retryDelayMs(attempt, retry, retryAfter)).toBe(expected);
  });
});

test('an attempt is recorded under its number', () => {
  const step = { id: 's', type: 'delay' };
  const times = { startedAt: 1, finishedAt: 2 };
  expect(attemptRow('r', { cursor: 4, attempt: 1, forgiven: 0 }, step, bad(), times)).toMatchObject({
    step_index: 4,
    attempt: 2,
    outcome: 'failed',
    error: 'no',
    output: null,
  });
  expect(attemptRow('r', { cursor: 0, attempt: 0, forgiven: 0 }, step, good, times)).toMatchObject({
    output: '1',
    error: null,
  });
});
