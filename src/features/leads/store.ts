/** Queries of leads; newest first wherever there is an order (ids are time-ordered). */
import type { Kysely, Selectable } from 'kysely';
import type { Reader, Transaction } from '@/platform/db/database.ts';
import { prepare } from '@/platform/db/prepared.ts';
import type { LeadsTable, Tables } from '@/platform/db/schema.ts';

export type LeadRow = Selectable<LeadsTable>;

export interface LeadFilter {
  readonly source?: string | undefined;
  readonly email?: string | undefined;
  readonly company?: string | undefined;
  /** Epoch milliseconds, inclusive. */
  readonly createdAfter?: number | undefined;
  /** Epoch milliseconds, exclusive. */
  readonly createdBefore?: number | undefined;
}

/** Compiled once: this insert is the hot path of lead intake. */
export const insertLead = prepare<LeadRow, never>((db, param) =>
  db.insertInto('leads').values({
    id: param('id'),
    first_name: param('first_name'),
    last_name: param('last_name'),
    email: param('email'),
    phone: param('phone'),
    company: param('company'),
    source: param('source'),
    custom_fields: param('custom_fields'),
    crm_id: param('crm_id'),
    version: param('version'),
    created_by: param('created_by'),
    created_at: param('created_at'),
    updated_at: param('updated_at'),
  }),
);

const selectLead = prepare<{ id: string }, LeadRow>((db, param) =>
  db.selectFrom('leads').selectAll().where('id', '=', param('id')),
);

export async function findLead(db: Reader | Transaction, id: string): Promise<LeadRow | null> {
  const [row] = await selectLead(db, { id });
  return row ?? null;
}

/** As `findLead`, but no other transaction can change the row until this one ends. */
export async function lockLead(
  trx: Transaction,
  id: string,
  dialect: 'sqlite' | 'postgres',
): Promise<LeadRow | null> {
  const query = trx.selectFrom('leads').selectAll().where('id', '=', id);
  const row = await (dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
  return row ?? null;
}

export async function replaceLead(trx: Transaction, row: LeadRow): Promise<void> {
  const { id, ...columns } = row;
  await trx.updateTable('leads').set(columns).where('id', '=', id).execute();
}

export async function deleteLead(trx: Transaction, id: string): Promise<void> {
  await trx.deleteFrom('leads').where('id', '=', id).execute();
}

const filtered = (db: Kysely<Tables>, filter: LeadFilter) => {
  let query = db.selectFrom('leads');
  if (filter.source !== undefined) query = query.where('source', '=', filter.source);
  if (filter.email !== undefined) query = query.where('email', '=', filter.email);
  if (filter.company !== undefined) query = query.where('company', '=', filter.company);
  if (filter.createdAfter !== undefined) query = query.where('created_at', '>=', filter.createdAfter);
  if (filter.createdBefore !== undefined) query = query.where('created_at', '<', filter.createdBefore);
  return query;
};

export async function countLeads(db: Reader, filter: LeadFilter = {}): Promise<number> {
  const row = await filtered(db, filter).select(db.fn.countAll<number>().as('n')).executeTakeFirstOrThrow();
  return Number(row.n);
}

export async function pageOfLeads(
  db: Reader,
  filter: LeadFilter,
  skip: number,
  limit: number,
): Promise<LeadRow[]> {
  return filtered(db, filter).selectAll().orderBy('id', 'desc').offset(skip).limit(limit).execute();
}
