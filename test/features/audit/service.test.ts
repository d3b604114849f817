import { describe, expect, test } from 'bun:test';
import { ADMIN, auditOver } from '@test/support/audit.ts';
import { forEachDatabase } from '@test/support/databases.ts';
import { eventText, parseSealedLine, sealedLine, toEvent } from '@/features/audit/canonical.ts';
import type { EventQuery } from '@/features/audit/schema.ts';
import { AuditLog } from '@/features/audit/service.ts';
import type { EventRow } from '@/features/audit/store.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { openMetrics } from '@/platform/metrics/store.ts';
import { holdStill } from '@/platform/time/clock.ts';

const SYSTEM: Actor = { type: 'system', id: null, name: 'server', requestId: null, address: null };

forEachDatabase('the audit log', (open) => {
  test('an event exists exactly if the change it tells of does', async () => {
    await using fixture = auditOver(await open());
    const failing = fixture.db.write(async (trx) => {
      await fixture.audit.record(trx, { actor: ADMIN, action: 'lead.created' });
      throw new Error('the change failed');
    });
    await expect(failing).rejects.toThrow('the change failed');
    expect((await fixture.audit.events({ limit: 10 })).events).toEqual([]);
    await fixture.db.write((trx) => fixture.audit.record(trx, { actor: ADMIN, action: 'lead.created' }));
    expect((await fixture.audit.events({ limit: 10 })).events).toHaveLength(1);
  });

  test('keeps no secret, and takes whatever a stranger sends as a name', async () => {
    await using fixture = auditOver(await open());
    const name = `\0\uD800${'x'.repeat(5000)}`;
    await fixture.audit.recordAlone({
      actor: { ...ADMIN, type: 'anonymous', id: null, name },
      action: 'auth.login',
      outcome: 'failure',
      details: { password: 'hunter2', fields: ['a\0\uD800'], nested: { api_key: 'ao_1' } },
    });
    const [event] = (await fixture.audit.events({ limit: 1 })).events;
    expect(event?.actor.name).toBe(`\uFFFD\uFFFD${'x'.repeat(254)}`);
    expect(event?.details).toMatchObject({ password: '[masked]', nested: { api_key: '[masked]' } });
    expect(JSON.stringify(event)).not.toContain('hunter2');
    expect(await fixture.sealer.sealNow()).toMatchObject({ seq: 1 });
  });

  test('is read newest first, in pages that neither repeat nor skip', async () => {
    await using fixture = auditOver(await open());
    await fixture.write(25);
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 4; pages += 1) {
      const page = await fixture.audit.events({ limit: 7, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.events.map(({ target }) => target?.id ?? ''));
      cursor = page.next_cursor ?? undefined;
    }
    expect(cursor).toBeUndefined();
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `lead-${24 - index}`));
  });

  test('can be filtered', async () => {
    await using fixture = auditOver(await open());
    const at = async (time: string, event: Parameters<typeof fixture.audit.recordAlone>[0]) => {
      const release = holdStill({ now: () => Date.parse(time) });
      await fixture.audit.recordAlone(event).finally(release);
    };
    await at('2026-01-01T00:00:00Z', {
      actor: SYSTEM,
      action: 'server.started',
      target: { type: 'server', id: 's' },
    });
    await at('2026-01-02T00:00:00Z', {
      actor: ADMIN,
      action: 'lead.created',
      target: { type: 'lead', id: 'l1' },
    });
    await at('2026-01-03T00:00:00Z', {
      actor: ADMIN,
      action: 'lead.deleted',
      target: { type: 'lead', id: 'l2' },
    });
    await at('2026-01-04T00:00:00Z', { actor: ADMIN, action: 'leads.read', outcome: 'denied' });
    const cases: [Partial<EventQuery>, string[]][] = [
      [{}, ['leads.read', 'lead.deleted', 'lead.created', 'server.started']],
      [{ actor: 'server' }, ['server.started']],
      [{ actor: ADMIN.id ?? '' }, ['leads.read', 'lead.deleted', 'lead.created']],
      [{ action: 'lead.created' }, ['lead.created']],
      [{ action: 'lead.*' }, ['lead.deleted', 'lead.created']],
      [{ outcome: 'denied' }, ['leads.read']],
      [{ target: 'lead' }, ['lead.deleted', 'lead.created']],
      [{ target: 'l2' }, ['lead.deleted']],
      [{ target: 'lead:l1' }, ['lead.created']],
      [{ from: '2026-01-02T00:00:00Z', to: '2026-01-03T00:00:00Z' }, ['lead.created']],
      [{ from: '2026-01-03T00:00:00+01:00' }, ['leads.read', 'lead.deleted']],
      [{ to: '1960-01-01T00:00:00Z' }, []],
      [{ from: '9999-01-01T00:00:00Z' }, []],
      [{ actor: 'admin', outcome: 'failure' }, []],
    ];
    for (const [query, actions] of cases) {
      const { events } = await fixture.audit.events({ limit: 100, ...query });
      expect({ query, actions: events.map(({ action }) => action) }).toEqual({ query, actions });
    }
  });

  test('knows users by id alone, and shows the name they have when it is read', async () => {
    await using fixture = auditOver(await open());
    const { db, audit, sealer } = fixture;
    const user = {
      id: ADMIN.id ?? '',
      username: 'Ada@example.com',
      username_key: 'ada@example.com',
      email: null,
      password_hash: 'h',
      role: 'admin' as const,
      active: 1 as const,
      token_generation: 1,
      created_at: 1,
      updated_at: 1,
    };
    await db.write((trx) => trx.insertInto('users').values(user).execute());
    await audit.recordAlone({ actor: { ...ADMIN, name: user.username }, action: 'lead.created' });
    await audit.recordAlone({ actor: SYSTEM, action: 'server.started' });
    await sealer.sealNow();
    const stored = await db.read.selectFrom('audit_events').selectAll().execute();
    expect(JSON.stringify(stored)).not.toContain('example.com');
    const [shown] = await audit.after(0, 1);
    expect(shown?.actor).toEqual({ type: 'user', id: user.id, name: user.username });
    const by = async (actor: string) =>
      (await audit.events({ limit: 10, actor })).events.map(({ actor: { name } }) => name);
    expect(await by('ADA@example.com')).toEqual([user.username]);
    expect(await by(user.id)).toEqual([user.username]);
    expect(await by('server')).toEqual(['server']);
    expect(await by('nobody')).toEqual([]);
    const bySystem = await audit.events({ limit: 10, actor_type: 'system' });
    expect(bySystem.events.map(({ action }) => action)).toEqual(['server.started']);
  });

  test('can be followed by place without missing an event', async () => {
    await using fixture = auditOver(await open());
    expect(await fixture.audit.lastSeq()).toBe(0);
    await fixture.write(5);
    await fixture.sealer.sealNow();
    expect(await fixture.audit.lastSeq()).toBe(5);
    expect((await fixture.audit.after(2, 2)).map(({ seq }) => seq)).toEqual([3, 4]);
    expect(await fixture.audit.after(5, 2)).toEqual([]);
  });

  test('counts what it writes, by outcome', async () => {
    await using fixture = auditOver(await open());
    const metrics = openMetrics({ folder: fixture.folder.paths.metrics, file: 0 });
    const audit = new AuditLog({ db: fixture.db, metrics });
    await audit.recordAlone({ actor: ADMIN, action: 'x', outcome: 'denied' });
    const family = (await metrics.collect()).find(({ name }) => name === 'ao_audit_events_total');
    const counts = Object.fromEntries(
      family?.samples.map(({ labels, ...rest }) => [labels.outcome, rest]) ?? [],
    );
    expect(counts).toMatchObject({ success: { value: 0 }, failure: { value: 0 }, denied: { value: 1 } });
    metrics.close();
  });
});

describe('the text of an event', () => {
  const row: EventRow = {
    id: '019dbe0c-6f1a-7000-8000-3f1f2a9d4c11',
    occurred_at: 1_700_000_000_123,
    actor_type: 'user',
    actor_id: 'u',
    actor_name: 'Zoë',
    action: 'lead.created',
    target_type: 'lead',
    target_id: 'l',
    outcome: 'success',
    request_id: null,
    address: null,
    details: '{"fields":["email"]}',
    seq: 7,
    hash: 'a'.repeat(64),
  };

  test('is stable: old backups must verify for ever', () => {
    expect(eventText(row, 7)).toBe(
      '{"seq":7,"id":"019dbe0c-6f1a-7000-8000-3f1f2a9d4c11","occurred_at":"2023-11-14T22:13:20.123Z",' +
        '"actor":{"type":"user","id":"u","name":"Zoë"},"action":"lead.created","target":{"type":"lead","id":"l"},' +
        '"outcome":"success","request_id":null,"address":null,"details":{"fields":["email"]}}',
    );
  });

  test('differs for any change of any column', () => {
    const changes: Partial<EventRow>[] = [
      { id: 'x' },
      { occurred_at: 1 },
      { occurred_at: Number.MAX_SAFE_INTEGER },
      { actor_type: 'cli' },
      { actor_id: null },
      { actor_name: 'Zoe' },
      { action: 'lead.updated' },
      { target_type: null },
      { target_id: null },
      { target_type: null, target_id: null },
      { outcome: 'denied' },
      { request_id: '' },
      { address: '' },
      { details: '{"fields":["phone"]}' },
      { details: '{"fields": ["email"]}' },
      { details: '{"fields":["email"]}\n' },
      { details: '' },
    ];
    const texts = changes.map((change) => eventText({ ...row, ...change }, 7));
    expect(new Set([...texts, eventText(row, 7), eventText(row, 8)]).size).toBe(changes.length + 2);
    for (const text of texts) expect(text).not.toContain('\n');
  });

  test('a line of a backup comes apart as it was put together, and is the event of the API', () => {
    const text = eventText(row, 7);
    const line = sealedLine(text, row.hash ?? '');
    expect(JSON.parse(line)).toEqual(toEvent(row));
    const parsed = parseSealedLine(Buffer.from(line));
    expect(parsed).toMatchObject({ seq: 7, hash: row.hash });
    expect(parsed?.text.toString()).toBe(text);
    const broken = [
      '',
      '{}',
      line.slice(1),
      line.slice(0, -1),
      `${line} `,
      line.toUpperCase(),
      line.replace('7', '07'),
    ];
    for (const each of broken) expect(parseSealedLine(Buffer.from(each))).toBeNull();
  });
});
