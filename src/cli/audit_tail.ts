/** `audit tail`: events as lines, and the following of the log without missing or repeating one. */
import type { AuditEvent, EventQuery } from '@/features/audit/schema.ts';
import { type AuditLog, OUTCOMES } from '@/features/audit/service.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { oneOf, type Words, wholeNumber } from './command.ts';
import { harmless, print } from './output.ts';

const LINES = 20;
const MOST_LINES = 1_000_000;
const PAGE = 1000;
const LOOK_MS = 500;
const ACTION = /^[a-z_]+(\.[a-z_]+)*(\.\*)?$/;

type Filter = Pick<EventQuery, 'actor' | 'action' | 'outcome'>;

/** Throws CommandFailure (exit 2). */
function filterOf(words: Words): Filter {
  const outcome = words.text('outcome');
  const action = words.text('action');
  if (action !== undefined && !ACTION.test(action)) {
    throw new CommandFailure(`--action must be as lead.created or auth.*, not ${JSON.stringify(action)}`, 2);
  }
  return {
    actor: words.text('actor'),
    action,
    outcome: outcome === undefined ? undefined : oneOf(outcome, OUTCOMES, '--outcome'),
  } as Filter;
}

/** The same as the query of the newest events, for those that come later. */
function fits(event: AuditEvent, { actor, action, outcome }: Filter): boolean {
  const names = [event.actor.id, event.actor.name, event.actor.name?.toLowerCase()];
  if (actor !== undefined && !names.includes(actor) && !names.includes(actor.toLowerCase())) return false;
  if (outcome !== undefined && event.outcome !== outcome) return false;
  if (action === undefined) return true;
  return action.endsWith('.*') ? event.action.startsWith(action.slice(0, -1)) : event.action === action;
}

function line(event: AuditEvent): string {
  const { actor, target, details } = event;
  const who = actor.name ?? actor.id ?? actor.type;
  const what = target ? ` ${target.type ?? ''}:${target.id ?? ''}` : '';
  const where = event.address ? ` from ${event.address}` : '';
  const more =
    typeof details === 'object' && Object.keys(details).length > 0 ? ` ${JSON.stringify(details)}` : '';
  return harmless(
    `${event.occurred_at}  ${event.outcome.padEnd(7)}  ${who} (${actor.type})${where}  ${event.action}${what}${more}`,
  );
}

/** The newest events that fit, oldest first. */
async function newest(audit: AuditLog, filter: Filter, lines: number): Promise<AuditEvent[]> {
  const found: AuditEvent[] = [];
  let cursor: string | null = null;
  do {
    const page = await audit.events({
      ...filter,
      limit: Math.min(PAGE, lines - found.length),
      ...(cursor === null ? {} : { cursor }),
    });
    found.push(...page.events);
    cursor = page.next_cursor;
  } while (cursor !== null && found.length < lines);
  return found.reverse();
}

/** Prints; with --follow it does so until the process is interrupted. */
export async function tail(words: Words, audit: AuditLog): Promise<void> {
  const lines = wholeNumber(words, 'lines', 1, MOST_LINES) ?? LINES;
  const filter = filterOf(words);
  const show = (event: AuditEvent): void => print(words.isSet('json') ? JSON.stringify(event) : line(event));

  // Asked for first: an event that is sealed in between comes again below, and is known by its id then.
  let seq = await audit.lastSeq();
  const first = await newest(audit, filter, lines);
  for (const event of first) show(event);
  if (!words.isSet('follow')) return;
  const shown = new Set(first.map(({ id }) => id));
  for (;;) {
    const events = await audit.after(seq, PAGE);
    for (const event of events) {
      seq = event.seq ?? seq;
      if (!shown.delete(event.id) && fits(event, filter)) show(event);
    }
    if (events.length < PAGE) await Bun.sleep(LOOK_MS);
  }
}
