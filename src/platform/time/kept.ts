/** Answers that are asked for more often than it is worth asking: each is kept for a moment and shared. */
import { now } from './clock.ts';

export interface Kept<T> {
  (): Promise<T>;
  /** Nothing that was asked for until now is served any more. */
  forget(): void;
}

interface Answer<T> {
  readonly askedAt: number;
  readonly result: Promise<T>;
}

/**
 * `work`, done anew when its last answer was asked for `forMs` ago or failed. Callers meanwhile share that answer, also
 * while it is being made; but one that hangs does not hold up those who come after `forMs`. With `standsInMs`, an answer
 * younger than that stands in while a newer one is made.
 */
export function keptFor<T>(forMs: number, work: () => Promise<T>, standsInMs: number = forMs): Kept<T> {
  let newest: Answer<T> | null = null;
  let lastGood: Answer<T> | null = null;
  const younger = (answer: Answer<T> | null, ms: number): answer is Answer<T> => {
    const age = now() - (answer?.askedAt ?? Number.NEGATIVE_INFINITY);
    // Younger than nothing: the clock was set back, and the true age is not known.
    return age >= 0 && age < ms;
  };
  const ask = (): Answer<T> => {
    const answer = { askedAt: now(), result: work() };
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
  const kept = (): Promise<T> => {
    const current = younger(newest, forMs) ? newest : ask();
    return (younger(lastGood, standsInMs) ? lastGood : current).result;
  };
  const forget = (): void => {
    newest = null;
    lastGood = null;
  };
  return Object.assign(kept, { forget });
}
