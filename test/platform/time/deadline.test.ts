import { afterEach, beforeEach, describe, expect, jest, test } from 'bun:test';
import { settlesWithin, withDeadline } from '@/platform/time/deadline.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const never = new Promise<never>(() => undefined);

describe('work with a deadline', () => {
  test('gives its result or its failure when it is in time', async () => {
    expect(await withDeadline(Promise.resolve(1), { ms: 10 })).toBe(1);
    await expect(withDeadline(Promise.reject(new Error('no')), { ms: 10 })).rejects.toThrow('no');
    expect(jest.getTimerCount()).toBe(0);
  });

  test('fails when it is late, in the words of its caller', async () => {
    const plain = withDeadline(never, { ms: 10 });
    const named = withDeadline(never, { ms: 10, late: () => new RangeError('too late') });
    jest.advanceTimersByTime(10);
    await expect(plain).rejects.toThrow('no answer within 10 ms');
    await expect(named).rejects.toBeInstanceOf(RangeError);
  });

  test('fails with the reason of its signal, also of one that fired before', async () => {
    const stop = new AbortController();
    const waiting = withDeadline(never, { signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    await expect(withDeadline(never, { ms: 10, signal: stop.signal })).rejects.toThrow('stopped');
  });

  test('is heard no more when it fails after its deadline', async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    const late = withDeadline(promise, { ms: 10 });
    jest.advanceTimersByTime(10);
    reject(new Error('much later'));
    await expect(late).rejects.toThrow('no answer within 10 ms');
  });
});

describe('whether work settles in time', () => {
  test('is true for success and failure alike', async () => {
    expect(await settlesWithin(Promise.resolve(), 10)).toBe(true);
    expect(await settlesWithin(Promise.reject(new Error('no')), 10)).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('is false for work that goes on', async () => {
    const answer = settlesWithin(never, 10);
    jest.advanceTimersByTime(10);
    expect(await answer).toBe(false);
  });
});
