/** Answers that are asked for more often than it is worth asking: a time-based cache of one value, with single flight. */
import { now } from './clock.ts';

export interface Cached<T> {
  (): Promise<T>;
  /** Nothing that was asked for until now is served any more. */
  clear(): void;
}

interface Answer<T> {
  readonly askedAt: number;
  readonly result: Promise<T>;
}

/**
 * `load`, called anew when its last answer was asked for `ms` ago or failed. Callers meanwhile share that answer, also
 * while it is being loaded; but one that hangs does not hold up those who come after `ms`. With `standInMs`, an answer
 * younger than that stands in while a newer one is loaded.
 */
export function cachedFor<T>(ms: number, load: () => Promise<T>, standInMs: number = ms): Cached<T> {
  let newest: Answer<T> | null = null;
  let lastGood: Answer<T> | null = null;
  const younger = (answer: Answer<T> | null, thanMs: number): answer is Answer<T> => {
    const age = now() - (answer?.askedAt ?? Number.NEGATIVE_INFINITY);
    // Younger than nothing: the clock was set back, and the true age is not known.
    return age >= 0 && age < thanMs;
  };
  const ask = (): Answer<T> => {
    const answer = { askedAt: now(), result: load() };
    newest = answer;
    answer.result.then(
      () => {
        if (newest === answer) lastGood = answer;
      },
      () => {
        if (newest === answer) newest = null;
      },
    );
    return answer;
  };
  const cached = (): Promise<T> => {
    const current = younger(newest, ms) ? newest : ask();
    return (younger(lastGood, standInMs) ? lastGood : current).result;
  };
  const clear = (): void => {
    newest = null;
    lastGood = null;
  };
  return Object.assign(cached, { clear });
}
