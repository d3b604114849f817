/**
 * The audit log: who did what to what, with which outcome. An event is written in the transaction of the change
 * it tells of, so that neither exists without the other. Events hold ids and names of fields, never personal
 * values or secrets: erasing a person must never need to touch the chain.
 */

import type { Database, Transaction } from '@/platform/db/database.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { maskSecrets } from '@/platform/log/log.ts';
import type { Counter, Metrics } from '@/platform/metrics/instruments.ts';
import { newId, now } from '@/platform/time/clock.ts';
import { toEvent } from './canonical.ts';
import type { AuditEvent, EventPage, EventQuery } from './schema.ts';
import { type EventRow, insertEvent, newestHead, pageOfEvents, sealedEvents, usernames } from './store.ts';

const LONGEST_NAME = 256;
export const OUTCOMES = ['success', 'failure', 'denied'] as const;

export interface AuditRecord {
  readonly actor: Actor;
  /** What was done, as `lead.created`: stable, for filters. */
  readonly action: string;
  readonly target?: { readonly type: string; readonly id: string } | undefined;
  /** `success` unless given. */
  readonly outcome?: (typeof OUTCOMES)[number] | undefined;
  /** Ids, names of fields, numbers. Members with secret-sounding names are masked all the same. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

interface Options {
  readonly db: Database;
  readonly metrics?: Metrics | undefined;
}

/** Names come from strangers too (a failed log-in): bounded, and nothing that a database would refuse. */
const clean = (text: string | null): string | null =>
  text === null ? null : text.slice(0, LONGEST_NAME).replaceAll('\0', '\uFFFD').toWellFormed();

const NO_DETAILS = '{}';

function toRow({ actor, action, target, outcome, details }: AuditRecord): EventRow {
  return {
    id: newId(),
    occurred_at: now(),
    actor_type: actor.type,
    actor_id: clean(actor.id),
    // A user name may be an e-mail address: it is looked up when events are shown, and stands in no chain or backup.
    actor_name: actor.type === 'user' ? null : clean(actor.name),
    action,
    target_type: target?.type ?? null,
    target_id: target ? clean(target.id) : null,
    outcome: outcome ?? 'success',
    request_id: clean(actor.requestId),
    address: clean(actor.address),
    details: details ? JSON.stringify(maskSecrets(details)) : NO_DETAILS,
    seq: null,
    hash: null,
  };
}

export class AuditLog {
  private readonly written: Counter | undefined;

  constructor(private readonly options: Options) {
    this.written = options.metrics?.counter('ao_audit_events_total', {
      help: 'Audit events written, by outcome of what they tell of.',
      labels: ['outcome'],
      initial: OUTCOMES.map((outcome) => ({ outcome })),
    });
  }

  /** Writes the event as part of `trx`. Throws when it cannot: then the change must not happen either. */
  async record(trx: Transaction, event: AuditRecord): Promise<void> {
    const row = toRow(event);
    await insertEvent(trx, row);
    this.written?.inc({ outcome: row.outcome });
  }

  /** For what changes no data, such as a refused log-in: durable before it resolves. */
  async recordAlone(event: AuditRecord): Promise<void> {
    await this.options.db.write((trx) => this.record(trx, event));
  }

  /** A page of events, newest first. */
  async events(query: EventQuery): Promise<EventPage> {
    const rows = await pageOfEvents(
      this.options.db.read,
      {
        actorType: query.actor_type,
        actor: query.actor,
        action: query.action,
        outcome: query.outcome,
        target: query.target,
        from: query.from === undefined ? undefined : Date.parse(query.from),
        to: query.to === undefined ? undefined : Date.parse(query.to),
        before: query.cursor,
      },
      query.limit + 1,
    );
    const page = rows.slice(0, query.limit);
    return {
      events: await this.named(page.map(toEvent)),
      next_cursor: rows.length > page.length ? (page.at(-1)?.id ?? null) : null,
    };
  }

  /** The place of the newest sealed event; 0 before the first. */
  async lastSeq(): Promise<number> {
    return (await newestHead(this.options.db.read))?.seq ?? 0;
  }

  /** Sealed events after a place, in the order of the chain: for following the log without missing any. */
  async after(seq: number, limit: number): Promise<AuditEvent[]> {
    const rows = await sealedEvents(this.options.db.read, seq, Number.MAX_SAFE_INTEGER, limit);
    return this.named(rows.map(toEvent));
  }

  /** With the names that the users among the actors have now. */
  private async named(events: AuditEvent[]): Promise<AuditEvent[]> {
    const ids = events.flatMap(({ actor }) => (actor.type === 'user' && actor.id !== null ? actor.id : []));
    const names = await usernames(this.options.db.read, [...new Set(ids)]);
    return events.map((event) => {
      const name = names.get(event.actor.id ?? '');
      return name === undefined ? event : { ...event, actor: { ...event.actor, name } };
    });
  }
}
