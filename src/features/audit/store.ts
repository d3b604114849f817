/** Queries of audit events and signed heads. */
import type { Selectable } from 'kysely';
import { prepare } from '@/platform/db/prepared.ts';
import type { AuditEventsTable } from '@/platform/db/schema.ts';

export type EventRow = Selectable<AuditEventsTable>;

/** Compiled once: every change of the server writes one. */
export const insertEvent = prepare<EventRow, never>((db, param) =>
  db.insertInto('audit_events').values({
    id: param('id'),
    occurred_at: param('occurred_at'),
    actor_type: param('actor_type'),
    actor_id: param('actor_id'),
    actor_name: param('actor_name'),
    action: param('action'),
    target_type: param('target_type'),
    target_id: param('target_id'),
    outcome: param('outcome'),
    request_id: param('request_id'),
    address: param('address'),
    details: param('details'),
    seq: param('seq'),
    hash: param('hash'),
  }),
);
