/** What steps make of an answer from outside: an output to keep, or a failure that says whether it may pass. */

import { isTooDeep } from '@/platform/json/faithful.ts';
import type { OutboundAnswer } from '@/platform/outbound/client.ts';
import { isTransientStatus, retryAfterMs } from '@/platform/outbound/failure.ts';
import { now } from '@/platform/time/clock.ts';
import { StepFailure } from '../step.ts';

const MOST_KEPT_CHARACTERS = 65_536;
const EXCERPT_CHARACTERS = 300;

/**
 * The body as JSON if it is JSON, else as text; cut when it is too long to be carried from step to step, and left as text
 * when it is nested so deeply that every look at it would cost.
 */
export function keptBody(answer: OutboundAnswer): { body: unknown; truncated?: true } {
  if (answer.body.length > MOST_KEPT_CHARACTERS) {
    return { body: answer.body.slice(0, MOST_KEPT_CHARACTERS).toWellFormed(), truncated: true };
  }
  const value = parsed(answer.body);
  return { body: value === undefined || isTooDeep(value) ? answer.body : value };
}

/** JSON, or undefined when it is none. Whole numbers that are too large to be exact become their digits, as text. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text, (_, value, context?: { source?: string }) =>
      Number.isInteger(value) && !Number.isSafeInteger(value) ? (context?.source ?? value) : value,
    );
  } catch {
    return undefined;
  }
}

/** Throws for everything but 2xx. A redirect is a failure: nobody has checked where it leads. */
export function requireSuccess(answer: OutboundAnswer, who: string): void {
  const { status } = answer;
  if (status >= 200 && status < 300) return;
  if (status >= 300 && status < 400) {
    throw new StepFailure(`${who} answered ${status}: redirects are not followed, give the final URL`, {
      transient: false,
    });
  }
  const excerpt = answer.body.slice(0, EXCERPT_CHARACTERS).trim();
  throw new StepFailure(`${who} answered ${status}${excerpt ? `: ${excerpt}` : ''}`, {
    transient: isTransientStatus(status),
    retryAfterMs: retryAfterMs(answer.headers, now()),
  });
}
