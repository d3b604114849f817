/**
 * Leads: read, created, changed and removed, each change in one transaction with its audit event, its row in the
 * history and the work it starts. Values of a person never reach the audit log, only the names of fields.
 */
import type { AuditLog } from '@/features/audit/service.ts';
import type { Database, Transaction } from '@/platform/db/database.ts';
import { type ExpectedVersion, requireVersion } from '@/platform/db/expected_version.ts';
import type { Idempotency, KeyedRequest } from '@/platform/idempotency/idempotency.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { newId, now } from '@/platform/time/clock.ts';
import { forgetChangesOf } from './change_store.ts';
import { changedFields, differences, givenFields } from './differences.ts';
import { patchedFields, storedFields } from './fields.ts';
import { LeadHistory } from './history.ts';
import type { LeadListener } from './listener.ts';
import { LeadReader, leadNotFound, toLead } from './reader.ts';
import type { Lead, LeadCreated, LeadInput, LeadPatch } from './schema.ts';
import { deleteLead, insertLead, type LeadRow, lockLead, replaceLead } from './store.ts';

interface Options {
  readonly db: Database;
  readonly audit: AuditLog;
  readonly idempotency: Idempotency;
  readonly listeners: () => readonly LeadListener[];
}

/** Who makes a change, and in which run, if one does. */
interface Cause {
  readonly actor: Actor;
  readonly runId: string | null;
}

export class LeadService extends LeadReader {
  private readonly history: LeadHistory;

  constructor(private readonly options: Options) {
    super(options.db);
    this.history = new LeadHistory(options.listeners);
  }

  /** Durable before it resolves. With `once`, a repeated call gets the first answer again. */
  async create(actor: Actor, input: LeadInput, once: KeyedRequest | null): Promise<LeadCreated> {
    const fields = storedFields(input);
    const { answer, replayed } = await this.options.idempotency.write(once, async (trx) => {
      const at = now();
      const row: LeadRow = {
        id: newId(at),
        ...fields,
        crm_id: null,
        version: 1,
        created_by: actor.id,
        created_at: at,
        updated_at: at,
      };
      await insertLead(trx, row);
      await this.options.audit.record(trx, {
        actor,
        action: 'lead.created',
        target: { type: 'lead', id: row.id },
      });
      const lead = toLead(row);
      await this.history.record(trx, {
        kind: 'created',
        leadId: row.id,
        lead,
        actor,
        runId: null,
        at,
        version: row.version,
        data: givenFields(lead),
      });
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
    if (!replayed) this.history.committed();
    return answer.body;
  }

  /** Puts `input` in the place of all fields a client may set. */
  replace(actor: Actor, id: string, input: LeadInput, expected: ExpectedVersion): Promise<Lead> {
    const fields = storedFields(input);
    return this.change(actor, id, expected, (row) => ({ ...row, ...fields }));
  }

  /** Changes the given fields only. */
  patch(actor: Actor, id: string, patch: LeadPatch, expected: ExpectedVersion): Promise<Lead> {
    return this.change(actor, id, expected, (row) => ({ ...row, ...patchedFields(row, patch) }));
  }

  /** Takes the lead away with all that is known of the person; that there was one stays in its history. */
  async remove(actor: Actor, id: string, expected: ExpectedVersion): Promise<void> {
    await this.options.db.write(async (trx) => {
      const { version } = await this.lock(trx, id, expected);
      await deleteLead(trx, id);
      await forgetChangesOf(trx, id);
      await this.options.idempotency.forget(trx, id);
      await this.options.audit.record(trx, { actor, action: 'lead.deleted', target: { type: 'lead', id } });
      await this.history.record(trx, {
        kind: 'removed',
        leadId: id,
        lead: null,
        actor,
        runId: null,
        at: now(),
        version: version + 1,
        data: {},
      });
    });
    this.history.committed();
  }

  /** What a run's step writes back, inside the transaction of the step's checkpoint. `actor` is the run. */
  async updateFromRun(
    trx: Transaction,
    actor: Actor,
    id: string,
    update: { fields?: LeadPatch; crm_id?: string },
  ): Promise<void> {
    const row = await this.lock(trx, id, null);
    const next = update.fields ? { ...row, ...patchedFields(row, update.fields) } : row;
    const cause = { actor, runId: actor.id };
    await this.save(trx, cause, row, { ...next, crm_id: update.crm_id ?? row.crm_id });
  }

  private async change(
    actor: Actor,
    id: string,
    expected: ExpectedVersion,
    apply: (row: LeadRow) => LeadRow,
  ): Promise<Lead> {
    const lead = await this.options.db.write(async (trx) => {
      const row = await this.lock(trx, id, expected);
      return toLead(await this.save(trx, { actor, runId: null }, row, apply(row)));
    });
    this.history.committed();
    return lead;
  }

  private async lock(trx: Transaction, id: string, expected: ExpectedVersion): Promise<LeadRow> {
    const row = await lockLead(trx, id);
    if (!row) throw leadNotFound(id);
    requireVersion('lead', row.version, expected);
    return row;
  }

  /** Writes `after` with a new version; a change that changes nothing writes nothing. */
  private async save(trx: Transaction, cause: Cause, before: LeadRow, after: LeadRow): Promise<LeadRow> {
    const fields = changedFields(before, after);
    if (fields.length === 0) return before;
    const row = { ...after, version: before.version + 1, updated_at: now() };
    await replaceLead(trx, row);
    await this.options.audit.record(trx, {
      actor: cause.actor,
      action: 'lead.updated',
      target: { type: 'lead', id: row.id },
      details: { fields },
    });
    await this.history.record(trx, {
      kind: 'updated',
      leadId: row.id,
      lead: toLead(row),
      ...cause,
      at: row.updated_at,
      version: row.version,
      data: differences(before, row),
    });
    return row;
  }
}
