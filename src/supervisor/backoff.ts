/** How long a dead worker's place stays empty. */
import { random } from '@/platform/time/clock.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * The wait before the restart after the `deaths`-th death in a row (from 1): doubles from `baseMs` up to `maxMs`. A
 * quarter of it is chance, so that workers that died together do not come back together.
 */
export function restartDelayMs(deaths: number, { baseMs, maxMs }: BackoffOptions): number {
  const delayMs = Math.min(maxMs, baseMs * 2 ** Math.min(30, Math.max(0, deaths - 1)));
  return Math.round(delayMs * (0.75 + random() / 4));
}
