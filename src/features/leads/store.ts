/** Queries of leads; newest first wherever there is an order (ids are time-ordered). */
import type { Selectable } from 'kysely';
import type { LeadsTable } from '@/features/leads/tables.ts';
import type { Reader, Transaction } from '@/platform/db/database.ts';
import { type Form, prepareForms, prepareRead, prepareWrite } from '@/platform/db/prepared.ts';

export type LeadRow = Selectable<LeadsTable>;

export interface LeadFilter {
  readonly source?: string | undefined;
  readonly email?: string | undefined;
  readonly company?: string | undefined;
  /** Inclusive. */
  readonly fromId?: string | undefined;
  /** Exclusive. */
  readonly belowId?: string | undefined;
}

/** Compiled once: this insert is the hot path of lead intake. */
export const insertLead = prepareWrite<LeadRow, never>((db, param) =>
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

const selectLead = prepareRead<{ id: string }, LeadRow>((db, param) =>
  db.selectFrom('leads').selectAll().where('id', '=', param('id')),
);

export async function findLead(db: Reader, id: string): Promise<LeadRow | null> {
  const [row] = await selectLead(db, { id });
  return row ?? null;
}

/** As `findLead`, but no other transaction can change the row until this one ends. */
export async function lockLead(trx: Transaction, id: string): Promise<LeadRow | null> {
  const query = trx.selectFrom('leads').selectAll().where('id', '=', id).forUpdate();
  const row = await query.executeTakeFirst();
  return row ?? null;
}

export async function replaceLead(trx: Transaction, row: LeadRow): Promise<void> {
  const { id, ...columns } = row;
  await trx.updateTable('leads').set(columns).where('id', '=', id).execute();
}

export async function deleteLead(trx: Transaction, id: string): Promise<void> {
  await trx.deleteFrom('leads').where('id', '=', id).execute();
}

interface LeadSelection extends LeadFilter {
  readonly skip?: number;
  readonly limit?: number;
}

const filtered = (db: Reader, { given, param }: Form<LeadSelection>) => {
  let query = db.selectFrom('leads');
  if (given('source')) query = query.where('source', '=', param('source'));
  if (given('email')) query = query.where('email', '=', param('email'));
  if (given('company')) query = query.where('company', '=', param('company'));
  // By the id, whose first digits are the time of creation: its order is that of the list, and every index has it.
  if (given('fromId')) query = query.where('id', '>=', param('fromId'));
  if (given('belowId')) query = query.where('id', '<', param('belowId'));
  return query;
};

const count = prepareForms<LeadSelection, { n: number }>((db, form) =>
  filtered(db, form).select(db.fn.countAll<number>().as('n')),
);

export async function countLeads(db: Reader, filter: LeadFilter = {}): Promise<number> {
  const [row] = await count(db, filter);
  return Number(row?.n ?? 0);
}

const page = prepareForms<LeadSelection, LeadRow>((db, form) =>
  filtered(db, form).selectAll().orderBy('id', 'desc').offset(form.param('skip')).limit(form.param('limit')),
);

export const pageOfLeads = (
  db: Reader,
  filter: LeadFilter,
  skip: number,
  limit: number,
): Promise<LeadRow[]> => page(db, { ...filter, skip, limit });
