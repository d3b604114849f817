/**
 * Leads: created, read, changed and deleted, each change in one transaction with its audit event and the
 * work it starts. Values of a person never reach the audit log, only the names of fields.
 */

import { domainToASCII } from 'node:url';
import type { AuditLog } from '@/features/audit/service.ts';
import type { Database, Transaction } from '@/platform/db/database.ts';
import { requireVersion } from '@/platform/db/expected_version.ts';
import { InvalidRequest, NotFound } from '@/platform/errors/problem.ts';
import type { Idempotency, KeyedRequest } from '@/platform/idempotency/idempotency.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { given } from '@/platform/schema/parts.ts';
import { iso, lowestId, newId, now } from '@/platform/time/clock.ts';
import {
  type Lead,
  type LeadCreated,
  type LeadInput,
  type LeadPage,
  type LeadPatch,
  type LeadQuery,
  LONGEST_EMAIL,
} from './schema.ts';
import {
  countLeads,
  deleteLead,
  findLead,
  insertLead,
  type LeadRow,
  lockLead,
  pageOfLeads,
  replaceLead,
} from './store.ts';

const TEXT_FIELDS = ['first_name', 'last_name', 'email', 'phone', 'company', 'source'] as const;
const IDENTIFYING = ['email', 'phone', 'last_name', 'company'] as const;

/** What has to happen when a lead appears. The run engine listens; leads know nothing of it. */
export interface LeadListener {
  /** Inside the lead's own transaction: work inserted here exists exactly if the lead does. */
  created(trx: Transaction, lead: Lead): Promise<void>;
  /** After the commit: wake whoever does the work. */
  committed(): void;
}

/** The versions one of which a change expects; null for any. */
export type ExpectedVersion = readonly number[] | null;

interface Options {
  readonly db: Database;
  readonly audit: AuditLog;
  readonly idempotency: Idempotency;
  /** Asked for with each change: features add to them. */
  readonly listeners: () => readonly LeadListener[];
}

const toLead = (row: LeadRow): Lead => ({
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

type TextFields = Pick<LeadRow, (typeof TEXT_FIELDS)[number]>;

const LARGEST_CUSTOM_FIELDS = 65_536;

const invalid = (path: string, message: string): InvalidRequest =>
  new InvalidRequest(`body${path}: ${message}.`, { errors: [{ in: 'body', path, message }] });

/** Lower case, and the domain as the name system has it (IDNA); null for a domain that there cannot be. */
function normalEmail(text: string): string | null {
  const email = text.trim().toLowerCase();
  const at = email.lastIndexOf('@') + 1;
  const domain = email.slice(at);
  const ascii = /^\p{ASCII}*$/u.test(domain) ? domain : domainToASCII(domain);
  return ascii === '' ? null : email.slice(0, at) + ascii;
}

/** Trims; empty becomes null; refuses an e-mail address that there cannot be, and a lead that nobody could recognise. */
function textFields(input: LeadInput): TextFields {
  const trimmed = Object.fromEntries(
    TEXT_FIELDS.map((name) => [name, input[name]?.trim() || null]),
  ) as TextFields;
  const email = trimmed.email && normalEmail(trimmed.email);
  if (trimmed.email !== null && email === null) throw invalid('/email', 'Its domain is not possible');
  const fields = { ...trimmed, email };
  if (IDENTIFYING.every((name) => fields[name] === null)) {
    const detail = `A lead needs at least one of ${IDENTIFYING.join(', ')}.`;
    throw new InvalidRequest(detail, { errors: [{ in: 'body', path: '', message: detail }] });
  }
  if (fields.email !== null && fields.email.length > LONGEST_EMAIL) {
    throw invalid('/email', `Longer than ${LONGEST_EMAIL} characters as it is stored`);
  }
  return fields;
}

/** RFC 7396 on one level: null removes a key. */
function mergeCustomFields(stored: string, patch: Record<string, unknown>): string {
  const merged = { ...(JSON.parse(stored) as Record<string, unknown>), ...patch };
  return customFields(Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)));
}

/** As it is stored. Throws 422 beyond the size at which a page of leads could still be answered. */
function customFields(value: Record<string, unknown>): string {
  const text = JSON.stringify(value);
  if (text.length <= LARGEST_CUSTOM_FIELDS) return text;
  throw invalid('/custom_fields', `Larger than ${LARGEST_CUSTOM_FIELDS} characters as JSON`);
}

const changedFields = (before: LeadRow, after: LeadRow): string[] =>
  [...TEXT_FIELDS, 'custom_fields' as const, 'crm_id' as const].filter(
    (name) => before[name] !== after[name],
  );

export class LeadService {
  constructor(private readonly options: Options) {}

  /** Durable before it resolves. With `once`, a repeated call gets the first answer again. */
  async create(actor: Actor, input: LeadInput, once: KeyedRequest | null): Promise<LeadCreated> {
    const fields = textFields(input);
    const { answer, replayed } = await this.options.idempotency.write(once, async (trx) => {
      const time = now();
      const row: LeadRow = {
        id: newId(time),
        ...fields,
        custom_fields: customFields(input.custom_fields ?? {}),
        crm_id: null,
        version: 1,
        created_by: actor.id,
        created_at: time,
        updated_at: time,
      };
      await insertLead(trx, row);
      await this.options.audit.record(trx, {
        actor,
        action: 'lead.created',
        target: { type: 'lead', id: row.id },
      });
      const lead = toLead(row);
      for (const listener of this.options.listeners()) await listener.created(trx, lead);
      const body: LeadCreated = {
        id: row.id,
        status: 'created',
        message: 'Lead created',
        crm_id: null,
        timestamp: lead.created_at,
        data: lead,
      };
      return { body, subjectId: row.id };
    });
    if (!replayed) for (const listener of this.options.listeners()) listener.committed();
    return answer.body;
  }

  async get(id: string): Promise<Lead | null> {
    const row = await findLead(this.options.db.read, id);
    return row && toLead(row);
  }

  /** Whether there is such a lead, as of this transaction. */
  async exists(trx: Transaction, id: string): Promise<boolean> {
    return (await findLead(trx, id)) !== null;
  }

  async list(query: LeadQuery): Promise<LeadPage> {
    const { db } = this.options;
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
    const total = await countLeads(db.read, filter);
    const rows = total > query.skip ? await pageOfLeads(db.read, filter, query.skip, query.limit) : [];
    return { total, skip: query.skip, limit: query.limit, leads: rows.map(toLead) };
  }

  count(): Promise<number> {
    return countLeads(this.options.db.read);
  }

  /** Puts `input` in the place of all fields a client may set. */
  replace(actor: Actor, id: string, input: LeadInput, expected: ExpectedVersion): Promise<Lead> {
    const fields = textFields(input);
    return this.change(actor, id, expected, (row) => ({
      ...row,
      ...fields,
      custom_fields: customFields(input.custom_fields ?? {}),
    }));
  }

  /** Changes the given fields only. */
  patch(actor: Actor, id: string, patch: LeadPatch, expected: ExpectedVersion): Promise<Lead> {
    return this.change(actor, id, expected, (row) => patched(row, patch));
  }

  async remove(actor: Actor, id: string, expected: ExpectedVersion): Promise<void> {
    await this.options.db.write(async (trx) => {
      await this.lock(trx, id, expected);
      await deleteLead(trx, id);
      await this.options.idempotency.forget(trx, id);
      await this.options.audit.record(trx, { actor, action: 'lead.deleted', target: { type: 'lead', id } });
    });
  }

  /** What a run's step writes back, inside the transaction of the step's checkpoint. */
  async updateFromRun(
    trx: Transaction,
    actor: Actor,
    id: string,
    update: { fields?: LeadPatch; crm_id?: string },
  ): Promise<void> {
    const row = await this.lock(trx, id, null);
    const next = update.fields ? patched(row, update.fields) : row;
    await this.save(trx, actor, row, { ...next, crm_id: update.crm_id ?? row.crm_id });
  }

  private change(
    actor: Actor,
    id: string,
    expected: ExpectedVersion,
    apply: (row: LeadRow) => LeadRow,
  ): Promise<Lead> {
    return this.options.db.write(async (trx) => {
      const row = await this.lock(trx, id, expected);
      return toLead(await this.save(trx, actor, row, apply(row)));
    });
  }

  private async lock(trx: Transaction, id: string, expected: ExpectedVersion): Promise<LeadRow> {
    const row = await lockLead(trx, id);
    if (!row) throw leadNotFound(id);
    requireVersion('lead', row.version, expected);
    return row;
  }

  /** Writes `after` with a new version; a change that changes nothing writes nothing. */
  private async save(trx: Transaction, actor: Actor, before: LeadRow, after: LeadRow): Promise<LeadRow> {
    const fields = changedFields(before, after);
    if (fields.length === 0) return before;
    const row = { ...after, version: before.version + 1, updated_at: now() };
    await replaceLead(trx, row);
    await this.options.audit.record(trx, {
      actor,
      action: 'lead.updated',
      target: { type: 'lead', id: row.id },
      details: { fields },
    });
    return row;
  }
}

/** The 404 of a lead that is not there. */
export const leadNotFound = (id: string): NotFound => new NotFound(`There is no lead ${id}.`);

function patched(row: LeadRow, patch: LeadPatch): LeadRow {
  const { custom_fields, ...texts } = patch;
  const current = Object.fromEntries(TEXT_FIELDS.map((name) => [name, row[name]]));
  return {
    ...row,
    ...textFields({ ...current, ...texts }),
    custom_fields: custom_fields ? mergeCustomFields(row.custom_fields, custom_fields) : row.custom_fields,
  };
}
