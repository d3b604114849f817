/** The history of leads: one row for each change, in its transaction, and gone with the lead. */
import { beforeEach, expect, test } from 'bun:test';
import { testConfig } from '@test/support/config.ts';
import { forEachDatabase, sqliteOpener } from '@test/support/databases.ts';
import { sql } from 'kysely';
import { AuditLog } from '@/features/audit/service.ts';
import type { LeadTimeline } from '@/features/leads/schema.ts';
import { LeadService } from '@/features/leads/service.ts';
import type { Database } from '@/platform/db/database.ts';
import { NotFound } from '@/platform/errors/problem.ts';
import { Idempotency } from '@/platform/idempotency/idempotency.ts';
import { type Actor, systemActor } from '@/platform/identity/principal.ts';
import { holdStill } from '@/platform/time/clock.ts';

const ACTOR: Actor = { type: 'user', id: 'u1', name: 'grace', requestId: 'r1', address: '192.0.2.1' };
const config = { current: testConfig() };

forEachDatabase('the timeline of a lead', (open) => {
  let db: Database;
  let leads: LeadService;

  beforeEach(async () => {
    db = await open();
    const idempotency = new Idempotency({ db, config });
    leads = new LeadService({ db, audit: new AuditLog({ db }), idempotency, listeners: () => [] });
  });

  const create = async (email = 'ada@example.com', more: object = {}): Promise<string> =>
    (await leads.create(ACTOR, { email, ...more }, null)).id;
  const timeline = async (id: string): Promise<LeadTimeline['changes']> =>
    (await leads.timeline(id, { limit: 100 })).changes;

  test('tells each change, newest first: what, when, by whom, and each field before and after', async () => {
    const restore = holdStill({ now: () => 1_000 });
    const id = await create('ada@example.com', {
      source: 'website',
      custom_fields: { budget: 5, stage: 'new' },
    });
    restore();
    await leads.patch(ACTOR, id, { phone: '1', source: null, custom_fields: { stage: 'won' } }, null);
    await db.write((trx) =>
      leads.updateFromRun(trx, systemActor('run', 'run-1'), id, {
        crm_id: '4711',
        fields: { company: 'Engines' },
      }),
    );
    const [byRun, byUser, created, ...more] = await timeline(id);
    expect(more).toEqual([]);
    expect(created).toMatchObject({
      kind: 'created',
      at: '1970-01-01T00:00:01.000Z',
      actor: { type: 'user', id: 'u1' },
      run_id: null,
      request_id: 'r1',
      version: 1,
      changes: {
        email: { before: null, after: 'ada@example.com' },
        source: { before: null, after: 'website' },
        custom_fields: { before: null, after: { budget: 5, stage: 'new' } },
      },
    });
    expect(byUser).toMatchObject({ kind: 'updated', run_id: null, version: 2 });
    expect(byUser?.changes).toEqual({
      phone: { before: null, after: '1' },
      source: { before: 'website', after: null },
      custom_fields: { before: { stage: 'new' }, after: { stage: 'won' } },
    });
    expect(byRun).toMatchObject({
      kind: 'updated',
      actor: { type: 'system', id: 'run-1' },
      run_id: 'run-1',
      request_id: null,
      version: 3,
    });
    expect(byRun?.changes).toEqual({
      company: { before: null, after: 'Engines' },
      crm_id: { before: null, after: '4711' },
    });
  });

  test('holds nothing of a change that changed nothing, was refused, or was rolled back', async () => {
    const id = await create();
    await leads.patch(ACTOR, id, { email: ' ADA@example.com' }, null);
    await expect(leads.patch(ACTOR, id, { email: null }, null)).rejects.toThrow();
    const undone = db.write(async (trx) => {
      await leads.updateFromRun(trx, systemActor('run', 'run-1'), id, { crm_id: '1' });
      throw new Error('checkpoint refused');
    });
    await expect(undone).rejects.toThrow('checkpoint refused');
    expect(await timeline(id)).toHaveLength(1);
  });

  test('has one entry for each version, in their order, however many change it at once', async () => {
    const id = await create();
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => leads.patch(ACTOR, id, { phone: `phone ${index}` }, null)),
    );
    const versions = (await timeline(id)).map(({ version }) => version);
    expect(versions).toEqual(Array.from({ length: 21 }, (_, index) => 21 - index));
  });

  test('is paged without a gap while changes go on, and tells of its own lead alone', async () => {
    const id = await create();
    const other = await create('other@example.com');
    for (const phone of ['1', '2', '3', '4']) {
      await leads.patch(ACTOR, id, { phone }, null);
      await leads.patch(ACTOR, other, { phone }, null);
    }
    const first = await leads.timeline(id, { limit: 2 });
    await leads.patch(ACTOR, id, { phone: '5' }, null);
    const second = await leads.timeline(id, { limit: 2, cursor: first.next_cursor ?? '' });
    const third = await leads.timeline(id, { limit: 2, cursor: second.next_cursor ?? '' });
    expect([first, second, third].map(({ changes }) => changes.map(({ version }) => version))).toEqual([
      [5, 4],
      [3, 2],
      [1],
    ]);
    expect(third.next_cursor).toBeNull();
  });

  test('is 404 for a lead that never was and for one that is removed', async () => {
    const nobody = leads.timeline('01890000-0000-7000-8000-000000000000', { limit: 1 });
    await expect(nobody).rejects.toBeInstanceOf(NotFound);
    const id = await create();
    await leads.remove(ACTOR, id, null);
    await expect(leads.timeline(id, { limit: 1 })).rejects.toBeInstanceOf(NotFound);
  });

  test('goes with its lead: of a removed one only that it was removed is left', async () => {
    const id = await create('private@example.com', { phone: '555-0100', custom_fields: { hobby: 'chess' } });
    await leads.patch(ACTOR, id, { last_name: 'Lovelace' }, null);
    const other = await create('other@example.com');
    await leads.remove(ACTOR, id, null);
    const rows = await db.read.selectFrom('lead_changes').selectAll().orderBy('seq').execute();
    expect(rows.map(({ lead_id, kind, version, data }) => [lead_id, kind, version, data === '{}'])).toEqual([
      [other, 'created', 1, false],
      [id, 'removed', 3, true],
    ]);
    for (const value of ['private', '555-0100', 'chess', 'Lovelace']) {
      expect(JSON.stringify(rows)).not.toContain(value);
    }
  });

  test('gives no place twice, also after the newest entry is gone', async () => {
    await create();
    await create('b@example.com');
    const newest = async () =>
      (
        await db.read
          .selectFrom('lead_changes')
          .select(({ fn }) => fn.max('seq').as('seq'))
          .executeTakeFirst()
      )?.seq;
    const before = (await newest()) ?? 0;
    await db.write((trx) => trx.deleteFrom('lead_changes').execute());
    await create('c@example.com');
    expect(await newest()).toBeGreaterThan(before);
  });
});

const open = sqliteOpener();

test('SQLite finds the timeline of a lead in the order of an index, without sorting', async () => {
  const db = await open();
  const plan = await sql<{ detail: string }>`explain query plan
    select * from lead_changes where lead_id = 'x' and seq < 9 order by seq desc limit 3`.execute(db.read);
  expect(plan.rows.map(({ detail }) => detail).join()).toMatch(
    /^SEARCH lead_changes USING INDEX lead_changes_lead \(lead_id=\? AND seq<\?\)$/,
  );
});
