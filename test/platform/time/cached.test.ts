import { afterEach, describe, expect, test } from 'bun:test';
import { cachedFor } from '@/platform/time/cached.ts';
import { holdStill } from '@/platform/time/clock.ts';

const release: (() => void)[] = [];
afterEach(() => {
  for (const each of release.splice(0)) each();
});

/** Work whose calls are numbered and end when the test says so. */
function work() {
  const clock = { now: 1_000_000 };
  release.push(holdStill({ now: () => clock.now }));
  const calls: PromiseWithResolvers<string>[] = [];
  const begin = (): Promise<string> => {
    const call = Promise.withResolvers<string>();
    calls.push(call);
    return call.promise;
  };
  const end = (call: number): void => calls[call]?.resolve(`answer ${call}`);
  return { clock, calls, begin, end };
}

describe('a cached answer', () => {
  test('is shared by all who ask while it is made and until it is old', async () => {
    const { clock, calls, begin, end } = work();
    const cached = cachedFor(1_000, begin);
    const asked = [cached(), cached()];
    end(0);
    expect(await Promise.all(asked)).toEqual(['answer 0', 'answer 0']);
    clock.now += 999;
    expect(await cached()).toBe('answer 0');
    clock.now += 1;
    const later = cached();
    end(1);
    expect(await later).toBe('answer 1');
    expect(calls).toHaveLength(2);
  });

  test('is not a failure: the next one asks again', async () => {
    const { calls, begin, end } = work();
    const cached = cachedFor(1_000, begin);
    const failing = cached();
    calls[0]?.reject(new Error('away'));
    await expect(failing).rejects.toThrow('away');
    const again = cached();
    end(1);
    expect(await again).toBe('answer 1');
  });

  test('is not young for ever because the clock was set back', async () => {
    const { clock, begin, end } = work();
    const cached = cachedFor(1_000, begin);
    end(0);
    void cached();
    clock.now -= 60_000;
    const later = cached();
    end(1);
    expect(await later).toBe('answer 1');
  });

  test('is not waited for when it hangs longer than it would be cached', async () => {
    const { clock, begin, end } = work();
    const cached = cachedFor(1_000, begin);
    void cached();
    clock.now += 1_000;
    const later = cached();
    end(1);
    expect(await later).toBe('answer 1');
  });

  test('that was cleared is asked for anew, and one on its way is not stored', async () => {
    const { calls, begin, end } = work();
    const cached = cachedFor(1_000, begin, 5_000);
    void cached();
    cached.clear();
    const later = cached();
    end(1);
    expect(await later).toBe('answer 1');
    end(0);
    expect(await cached()).toBe('answer 1');
    expect(calls).toHaveLength(2);
  });
});

describe('a cached answer that may stand in while a newer one is made', () => {
  test('does so up to its age, and then the newer one is waited for', async () => {
    const { clock, calls, begin, end } = work();
    const cached = cachedFor(1_000, begin, 2_000);
    const first = cached();
    end(0);
    await first;
    clock.now += 1_999;
    expect(await cached()).toBe('answer 0');
    expect(calls).toHaveLength(2);
    clock.now += 1;
    const later = cached();
    end(1);
    expect(await later).toBe('answer 1');
  });

  test('also when making the newer one fails', async () => {
    const { clock, calls, begin, end } = work();
    const cached = cachedFor(1_000, begin, 2_000);
    const first = cached();
    end(0);
    await first;
    clock.now += 1_000;
    expect(await cached()).toBe('answer 0');
    calls[1]?.reject(new Error('away'));
    await calls[1]?.promise.catch(() => undefined);
    expect(await cached()).toBe('answer 0');
    clock.now += 1_000;
    const later = cached();
    for (const { reject } of calls.slice(2)) reject(new Error('still away'));
    await expect(later).rejects.toThrow('still away');
  });
});
