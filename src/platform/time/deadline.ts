/** Work that must not be waited for without end. None of these stops the work itself: give it a signal for that. */

interface Deadline {
  readonly ms?: number;
  /** What callers get when the time is over. */
  readonly late?: () => Error;
  /** Ends the waiting earlier, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The result of `work`; rejects when `ms` have passed or the signal fires first. */
export function withDeadline<T>(work: Promise<T>, { ms, late, signal }: Deadline): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(signal?.reason);
    const timer =
      ms === undefined
        ? undefined
        : setTimeout(() => reject(late?.() ?? new Error(`no answer within ${ms} ms`)), ms);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    });
  });
}

/** Whether `work` is over, well or badly, within `ms`. Never rejects. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  const over = () => true;
  try {
    return await Promise.race([work.then(over, over), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
