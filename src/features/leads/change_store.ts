/** Queries of the changes of leads. */
import type { Selectable } from 'kysely';
import type { LeadChangesTable } from '@/features/leads/tables.ts';
import type { Reader, Transaction } from '@/platform/db/database.ts';
import { prepareWrite } from '@/platform/db/prepared.ts';

export type ChangeRow = Selectable<LeadChangesTable>;

/** Compiled once: part of every lead's transaction. */
export const insertChange = prepareWrite<Omit<ChangeRow, 'seq'>>((db, param) =>
  db.insertInto('lead_changes').values({
    id: param('id'),
    lead_id: param('lead_id'),
    kind: param('kind'),
    at: param('at'),
    actor_type: param('actor_type'),
    actor_id: param('actor_id'),
    run_id: param('run_id'),
    request_id: param('request_id'),
    version: param('version'),
    data: param('data'),
  }),
);

/** Of one lead, newest first; `before` is the `seq` that they are below. */
export function changesOf(
  db: Reader,
  leadId: string,
  before: number | undefined,
  limit: number,
): Promise<ChangeRow[]> {
  let query = db.selectFrom('lead_changes').selectAll().where('lead_id', '=', leadId);
  if (before !== undefined) query = query.where('seq', '<', before);
  return query.orderBy('seq', 'desc').limit(limit).execute();
}

/** Takes away what a lead was, with all personal data; that it was removed stays. */
export async function forgetChangesOf(trx: Transaction, leadId: string): Promise<void> {
  await trx.deleteFrom('lead_changes').where('lead_id', '=', leadId).where('kind', '<>', 'removed').execute();
}
