/** The first tables: audit events and heads. */
import { FOUNDATIONS, type Migration } from '@/platform/db/migrations/migration.ts';

export const auditTables: Migration = {
  id: '2026_11_24_audit',
  partOf: FOUNDATIONS,
  statements: ({ text, whole, keyed }) => [
    `create table audit_events (
      id ${text} primary key not null,
      occurred_at ${whole} not null,
      actor_type ${text} not null,
      actor_id ${text},
      actor_name ${text},
      action ${text} not null,
      target_type ${text},
      target_id ${text},
      outcome ${text} not null,
      request_id ${text},
      address ${text},
      details ${text} not null,
      seq ${whole},
      hash ${text}
    )${keyed}`,
    'create index audit_events_unsealed on audit_events (id) where seq is null',
    'create unique index audit_events_seq on audit_events (seq) where seq is not null',
    'create index audit_events_actor on audit_events (actor_id) where actor_id is not null',
    'create index audit_events_target on audit_events (target_id) where target_id is not null',
    'create index audit_events_action on audit_events (action, id)',
    'create index audit_events_time on audit_events (occurred_at)',

    `create table audit_heads (
      seq ${whole} primary key not null,
      hash ${text} not null,
      signed_at ${whole} not null,
      key_id ${text} not null,
      public_key ${text} not null,
      signature ${text} not null
    )`,
  ],
};
