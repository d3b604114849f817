/** The tables of leads and of what has changed in them. */
import type { Generated } from 'kysely';
import type { ChangeKind } from './schema.ts';

export interface LeadsTable {
  id: string;
  first_name: string | null;
  last_name: string | null;
  email: string | null;
  phone: string | null;
  company: string | null;
  source: string | null;
  /** JSON object. */
  custom_fields: string;
  /** Record id in the CRM once a workflow has put the lead there. */
  crm_id: string | null;
  /** Starts at 1, grows by 1 with each change: the ETag. */
  version: number;
  created_by: string | null;
  created_at: number;
  updated_at: number;
}

/**
 * One row for each change of a lead, written in its transaction and never altered: timeline and outbox in one.
 *
 * `seq` is the order of the changes of one lead, whose row is locked meanwhile. Over all leads it is that of commits
 * on SQLite alone, where writers take turns: on PostgreSQL it is drawn before the commit, so a row with a lower one
 * may still come. Whoever follows all changes there must not pass a `seq` while a transaction goes on that may hold a
 * lower one: what `max(seq)` said is settled as soon as `pg_snapshot_xmin` of a later snapshot has reached the
 * `pg_snapshot_xmax` of the one in which it was read. (A transaction writes the lead before its change, so it has its
 * id before it draws a `seq`.) No transaction id is stored: it would mean nothing in a restored dump.
 */
export interface LeadChangesTable {
  seq: Generated<number>;
  id: string;
  lead_id: string;
  kind: ChangeKind;
  at: number;
  actor_type: string;
  actor_id: string | null;
  /** The run that made the change, if one did. */
  run_id: string | null;
  request_id: string | null;
  /** Of the lead after the change. */
  version: number;
  /** JSON: the fields of a new lead; before and after of each changed one; nothing for a removed lead. */
  data: string;
}

declare module '@/platform/db/tables.ts' {
  interface Tables {
    leads: LeadsTable;
    lead_changes: LeadChangesTable;
  }
}
