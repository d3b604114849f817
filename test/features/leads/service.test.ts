import { beforeEach, describe, expect, test } from 'bun:test';
import { testConfig } from '@test/support/config.ts';
import { forEachDatabase } from '@test/support/databases.ts';
import { AuditLog } from '@/features/audit/service.ts';
import type { LeadChange, LeadListener } from '@/features/leads/listener.ts';
import type { Lead, LeadInput } from '@/features/leads/schema.ts';
import { LeadService } from '@/features/leads/service.ts';
import type { Database } from '@/platform/db/database.ts';
import { Conflict, InvalidRequest, NotFound, PreconditionFailed } from '@/platform/errors/problem.ts';
import { Idempotency, type KeyedRequest } from '@/platform/idempotency/idempotency.ts';
import { type Actor, systemActor } from '@/platform/identity/principal.ts';
import { holdStill } from '@/platform/time/clock.ts';

const ACTOR: Actor = { type: 'user', id: 'u1', name: 'grace', requestId: 'r1', address: '192.0.2.1' };
const ALL = { skip: 0, limit: 100 };
const config = { current: testConfig() };
const once = (key: string, requestHash = 'h'): KeyedRequest => ({
  scope: 'u1 POST /api/leads',
  key,
  requestHash,
});

forEachDatabase('leads', (open) => {
  let db: Database;
  let leads: LeadService;
  let idempotency: Idempotency;
  let heard: LeadChange[];
  let woken: number;
  let refuse: boolean;

  beforeEach(async () => {
    db = await open();
    heard = [];
    woken = 0;
    refuse = false;
    const listener: LeadListener = {
      changed: async (_trx, change) => {
        heard.push(change);
        if (refuse) throw new Error('no room for work');
      },
      committed: () => {
        woken += 1;
      },
    };
    idempotency = new Idempotency({ db, config });
    leads = new LeadService({ db, audit: new AuditLog({ db }), idempotency, listeners: () => [listener] });
  });

  const create = async (input: LeadInput): Promise<Lead> => (await leads.create(ACTOR, input, null)).data;
  const events = async (action: string) =>
    db.read.selectFrom('audit_events').selectAll().where('action', '=', action).execute();

  test('are stored trimmed, with the e-mail in lower case, and told to the listener', async () => {
    const lead = await create({ email: ' Ada@Example.com ', company: '  Engines ', phone: '  ' });
    expect(lead).toMatchObject({ email: 'ada@example.com', company: 'Engines', phone: null, version: 1 });
    expect(await leads.get(lead.id)).toEqual(lead);
    expect(heard).toMatchObject([{ kind: 'created', leadId: lead.id, lead, runId: null }]);
    expect(woken).toBe(1);
  });

  test('tell of every change inside its transaction, and wake once for each commit', async () => {
    const { id } = await create({ email: 'a@example.com' });
    const patched = await leads.patch(ACTOR, id, { phone: '1' }, null);
    await leads.patch(ACTOR, id, { phone: '1' }, null);
    refuse = true;
    await expect(leads.patch(ACTOR, id, { phone: '2' }, null)).rejects.toThrow('no room');
    expect(await leads.get(id)).toEqual(patched);
    refuse = false;
    await leads.remove(ACTOR, id, null);
    expect(heard.map(({ kind, lead }) => [kind, lead?.phone])).toEqual([
      ['created', null],
      ['updated', '1'],
      ['updated', '2'],
      ['removed', undefined],
    ]);
    expect(woken).toBe(4);
  });

  test('do not exist when the work they start cannot be stored', async () => {
    refuse = true;
    await expect(create({ email: 'a@example.com' })).rejects.toThrow('no room');
    expect(await leads.count()).toBe(0);
    expect(await events('lead.created')).toEqual([]);
    expect(woken).toBe(0);
  });

  test('leave ids and field names in the audit log, never values', async () => {
    const { id } = await create({ email: 'secret-person@example.com' });
    await leads.patch(ACTOR, id, { phone: '555-0100', custom_fields: { hobby: 'chess' } }, null);
    await leads.remove(ACTOR, id, null);
    const [changed] = await events('lead.updated');
    expect(JSON.parse(changed?.details ?? '{}')).toEqual({ fields: ['phone', 'custom_fields'] });
    const all = JSON.stringify(await db.read.selectFrom('audit_events').selectAll().execute());
    for (const value of ['secret-person', '555-0100', 'chess']) expect(all).not.toContain(value);
  });

  test('need something to be recognised by, also after a change', async () => {
    await expect(create({ first_name: 'Somebody' })).rejects.toBeInstanceOf(InvalidRequest);
    const { id } = await create({ email: 'a@example.com' });
    await expect(leads.patch(ACTOR, id, { email: null }, null)).rejects.toBeInstanceOf(InvalidRequest);
    expect((await leads.get(id))?.email).toBe('a@example.com');
  });

  test('refuse a change that expects another version', async () => {
    const { id } = await create({ email: 'a@example.com' });
    await leads.patch(ACTOR, id, { phone: '1' }, [1]);
    await expect(leads.patch(ACTOR, id, { phone: '2' }, [1, 7])).rejects.toBeInstanceOf(PreconditionFailed);
    await expect(leads.remove(ACTOR, id, [])).rejects.toBeInstanceOf(PreconditionFailed);
    await expect(leads.replace(ACTOR, id, { email: 'b@example.com' }, [1])).rejects.toBeInstanceOf(
      PreconditionFailed,
    );
    expect(await leads.get(id)).toMatchObject({ phone: '1', version: 2 });
  });

  test('of many changes at once lose none', async () => {
    const { id } = await create({ email: 'a@example.com' });
    const keys = Array.from({ length: 20 }, (_, index) => `key${index}`);
    await Promise.all(keys.map((key) => leads.patch(ACTOR, id, { custom_fields: { [key]: true } }, null)));
    const lead = await leads.get(id);
    expect(Object.keys(lead?.custom_fields ?? {}).toSorted()).toEqual(keys.toSorted());
    expect(lead?.version).toBe(21);
  });

  test('keep version and time when a change changes nothing', async () => {
    const lead = await create({ email: 'a@example.com', phone: '1' });
    expect(await leads.patch(ACTOR, lead.id, { phone: ' 1 ' }, null)).toEqual(lead);
    expect(await events('lead.updated')).toEqual([]);
  });

  test('that are not there are 404 for every change', async () => {
    const id = '01890000-0000-7000-8000-000000000000';
    expect(await leads.get(id)).toBeNull();
    await expect(leads.patch(ACTOR, id, { phone: '1' }, null)).rejects.toBeInstanceOf(NotFound);
    await expect(leads.replace(ACTOR, id, { phone: '1' }, null)).rejects.toBeInstanceOf(NotFound);
    await expect(leads.remove(ACTOR, id, null)).rejects.toBeInstanceOf(NotFound);
  });

  test('are listed newest first, filtered by everything that is given', async () => {
    const restore = holdStill({ now: () => 1_000_000 });
    await create({ email: 'old@example.com', source: 'fair', company: 'A' });
    restore();
    await create({ email: 'x@example.com', source: 'fair', company: 'B' });
    await create({ email: 'y@example.com', source: 'web', company: 'B' });
    const emails = async (query: object) =>
      (await leads.list({ ...ALL, ...query })).leads.map(({ email }) => email?.split('@')[0]);
    expect(await emails({})).toEqual(['y', 'x', 'old']);
    expect(await emails({ source: 'fair', company: 'B' })).toEqual(['x']);
    expect(await emails({ email: 'X@example.com' })).toEqual(['x']);
    expect(await emails({ created_before: new Date(2_000_000).toISOString() })).toEqual(['old']);
    expect(await emails({ created_after: new Date(2_000_000).toISOString() })).toEqual(['y', 'x']);
    expect(await leads.list({ skip: 1, limit: 1 })).toMatchObject({ total: 3, leads: [{ source: 'fair' }] });
  });

  test('are filtered to the millisecond by their time, and an empty filter is none', async () => {
    for (const time of [1_000, 1_001, 1_002]) {
      const restore = holdStill({ now: () => time });
      await create({ email: `${time}@example.com` });
      restore();
    }
    const found = async (query: object) =>
      (await leads.list({ ...ALL, ...query })).leads.map(({ email }) => email?.split('@')[0]);
    expect(await found({ created_after: '1970-01-01T00:00:01.001Z' })).toEqual(['1002', '1001']);
    expect(await found({ created_before: '1970-01-01T00:00:01.001Z' })).toEqual(['1000']);
    expect(await found({ source: '', email: '', company: '' })).toHaveLength(3);
  });

  test('keep the domain of an address as the name system has it', async () => {
    const { email } = await create({ email: ' ADA@Bücher.Example ' });
    expect(email).toBe('ada@xn--bcher-kva.example');
    expect((await leads.list({ ...ALL, email: 'ada@bücher.example' })).total).toBe(1);
    await expect(create({ email: 'ada@-ü%.example' })).rejects.toBeInstanceOf(InvalidRequest);
  });

  test('hold custom fields up to a size, also after many changes', async () => {
    const text = 'x'.repeat(40_000);
    const { id } = await create({ email: 'a@example.com', custom_fields: { a: text } });
    const more = leads.patch(ACTOR, id, { custom_fields: { b: text } }, null);
    await expect(more).rejects.toBeInstanceOf(InvalidRequest);
    const large = create({ email: 'b@example.com', custom_fields: { a: text, b: text } });
    await expect(large).rejects.toBeInstanceOf(InvalidRequest);
    expect(Object.keys((await leads.get(id))?.custom_fields ?? {})).toEqual(['a']);
  });

  test('take what a run writes back in the transaction of its checkpoint', async () => {
    const { id } = await create({ email: 'a@example.com' });
    const system = systemActor('run', 'run-1');
    await db.write((trx) =>
      leads.updateFromRun(trx, system, id, { crm_id: '4711', fields: { source: 'crm' } }),
    );
    expect(await leads.get(id)).toMatchObject({ crm_id: '4711', source: 'crm', version: 2 });
    const failing = db.write(async (trx) => {
      await leads.updateFromRun(trx, system, id, { crm_id: 'other' });
      throw new Error('checkpoint refused');
    });
    await expect(failing).rejects.toThrow('checkpoint refused');
    expect((await leads.get(id))?.crm_id).toBe('4711');
  });

  describe('with an idempotency key', () => {
    test('are made once by many equal requests, which all get the first answer', async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => leads.create(ACTOR, { email: 'a@example.com' }, once('k'))),
      );
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
      expect(await leads.count()).toBe(1);
      expect(woken).toBe(1);
    });

    test('are refused when the key was used for another request', async () => {
      await leads.create(ACTOR, { email: 'a@example.com' }, once('k'));
      const other = leads.create(ACTOR, { email: 'b@example.com' }, once('k', 'other'));
      await expect(other).rejects.toBeInstanceOf(InvalidRequest);
    });

    test('leave the key free when the first request failed', async () => {
      refuse = true;
      await expect(leads.create(ACTOR, { email: 'a@example.com' }, once('k'))).rejects.toThrow();
      refuse = false;
      await leads.create(ACTOR, { email: 'a@example.com' }, once('k'));
      expect(await leads.count()).toBe(1);
    });

    test('leave no value behind when they are deleted, and their key stays used', async () => {
      const { id } = await leads.create(ACTOR, { email: 'private@example.com' }, once('k'));
      await leads.remove(ACTOR, id, null);
      const stored = await db.read.selectFrom('idempotency_keys').selectAll().execute();
      expect(JSON.stringify(stored)).not.toContain('private@example.com');
      const again = leads.create(ACTOR, { email: 'private@example.com' }, once('k'));
      await expect(again).rejects.toBeInstanceOf(Conflict);
      expect(await leads.count()).toBe(0);
    });

    test('are new again when the time of the key is over', async () => {
      const restore = holdStill({ now: () => 1_000_000 });
      await leads.create(ACTOR, { email: 'a@example.com' }, once('k'));
      restore();
      await leads.create(ACTOR, { email: 'a@example.com' }, once('k'));
      expect(await leads.count()).toBe(2);
      expect(await idempotency.prune()).toBe(0);
    });
  });
});
