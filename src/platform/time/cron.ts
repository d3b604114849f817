/** Cron expressions, in UTC. */
import { Cron } from 'croner';
import { messageOf } from '@/platform/errors/problem.ts';
import { now } from './clock.ts';

/** UTC, said as an offset: a name of a time zone would load all of them, for 15 ms in every process. */
const IN_UTC = { paused: true, utcOffset: 0 } as const;

/** What is wrong with a cron expression, in words, or null. */
export function scheduleFault(expression: string): string | null {
  try {
    new Cron(expression, IN_UTC).stop();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** Corrections of a running time service are far smaller. */
const SET_BACK_MS = 60_000;

/** When a cron expression is due. Moments that passed while nobody asked, or while the last one was served, count as one. */
export class CronTimes {
  private readonly cron: Cron;
  private servedAt = now();

  /** Throws for what `scheduleFault` finds fault with. */
  constructor(expression: string) {
    this.cron = new Cron(expression, IN_UTC);
  }

  /** Milliseconds until it is due, 0 or less for now; infinite when it never is again. */
  get leftMs(): number {
    const time = now();
    // A clock that is set back a little brings no moment twice; one that was far ahead must not keep us waiting.
    if (this.servedAt - time > SET_BACK_MS) this.servedAt = time;
    const next = this.cron.nextRun(new Date(this.servedAt));
    return next === null ? Number.POSITIVE_INFINITY : next.getTime() - time;
  }

  /** Whether it is due; what was due until now is then served. */
  take(): boolean {
    if (this.leftMs > 0) return false;
    this.servedAt = now();
    return true;
  }
}
