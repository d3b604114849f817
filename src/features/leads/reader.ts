/** Leads as they are read: one, a page of them, their number, and what has changed in one. */
import type { Database, Transaction } from '@/platform/db/database.ts';
import { NotFound } from '@/platform/errors/problem.ts';
import { given } from '@/platform/schema/parts.ts';
import { iso, lowestId } from '@/platform/time/clock.ts';
import { type ChangeRow, changesOf } from './change_store.ts';
import { fromNothing } from './differences.ts';
import { normalEmail } from './fields.ts';
import type { Lead, LeadPage, LeadQuery, LeadTimeline, TimelineQuery } from './schema.ts';
import { countLeads, findLead, type LeadRow, pageOfLeads } from './store.ts';

/** The 404 of a lead that is not there. */
export const leadNotFound = (id: string): NotFound => new NotFound(`There is no lead ${id}.`);

export const toLead = (row: LeadRow): Lead => ({
  id: row.id,
  first_name: row.first_name,
  last_name: row.last_name,
  email: row.email,
  phone: row.phone,
  company: row.company,
  source: row.source,
  custom_fields: JSON.parse(row.custom_fields),
  crm_id: row.crm_id,
  version: row.version,
  created_at: iso(row.created_at),
  updated_at: iso(row.updated_at),
});

const toChange = (row: ChangeRow): LeadTimeline['changes'][number] => {
  const data = JSON.parse(row.data);
  return {
    id: row.id,
    kind: row.kind,
    at: iso(row.at),
    actor: { type: row.actor_type, id: row.actor_id },
    run_id: row.run_id,
    request_id: row.request_id,
    version: row.version,
    changes: row.kind === 'created' ? fromNothing(data) : data,
  };
};

export class LeadReader {
  constructor(private readonly db: Pick<Database, 'read'>) {}

  async get(id: string): Promise<Lead | null> {
    const row = await findLead(this.db.read, id);
    return row && toLead(row);
  }

  /** Whether there is such a lead, as of this transaction. */
  async exists(trx: Transaction, id: string): Promise<boolean> {
    return (await findLead(trx, id)) !== null;
  }

  async list(query: LeadQuery): Promise<LeadPage> {
    const { read } = this.db;
    const idOf = (time: string | undefined) =>
      time === undefined ? undefined : lowestId(Math.ceil(Date.parse(time)));
    const email = given(query.email);
    const filter = {
      source: given(query.source),
      email: email && (normalEmail(email) ?? email),
      company: given(query.company),
      fromId: idOf(query.created_after),
      belowId: idOf(query.created_before),
    };
    const total = await countLeads(read, filter);
    const rows = total > query.skip ? await pageOfLeads(read, filter, query.skip, query.limit) : [];
    return { total, skip: query.skip, limit: query.limit, leads: rows.map(toLead) };
  }

  count(): Promise<number> {
    return countLeads(this.db.read);
  }

  /** What has changed in a lead, newest first. Throws 404 when there is no such lead, or none any more. */
  async timeline(id: string, { cursor, limit }: TimelineQuery): Promise<LeadTimeline> {
    const { read } = this.db;
    if (!(await findLead(read, id))) throw leadNotFound(id);
    const rows = await changesOf(read, id, cursor === undefined ? undefined : Number(cursor), limit + 1);
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    return { changes: page.map(toChange), next_cursor: last ? String(last.seq) : null };
  }
}
