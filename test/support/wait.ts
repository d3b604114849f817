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
