/** Waiting for something to become true, instead of sleeping and hoping. */

interface WaitOptions {
  /** Long enough for a loaded machine; only a failing test ever waits for it. */
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** Said in the failure: what was waited for. */
  readonly what?: string;
}

/**
 * Asks until the answer is truthy and returns it. A throw counts as "not yet"; after the time-out the last
 * one becomes the cause of the failure.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<NonNullable<T>> {
  const { timeoutMs = 20_000, intervalMs = 10, what = 'the condition' } = options;
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await condition();
      if (answer) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`${what} did not come true within ${timeoutMs} ms`, { cause });
    }
    await Bun.sleep(intervalMs);
  }
}

/** Throws when `work` is still unsettled after some turns of the event loop: it waits for something from outside. */
export async function withoutWaiting<T>(work: Promise<T>): Promise<T> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  work.then(note, note);
  for (let turn = 0; turn < 5 && !settled; turn += 1) await new Promise((next) => setImmediate(next));
  if (!settled) throw new Error('it had to wait');
  return work;
}
