/** Cron expressions, in UTC. */
import { Cron } from 'croner';
import { messageOf } from '@/platform/errors/problem.ts';

/** What is wrong with a cron expression, in words, or null. */
export function scheduleFault(expression: string): string | null {
  try {
    new Cron(expression, { paused: true, timezone: 'UTC' }).stop();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
