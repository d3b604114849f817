/** A database of before Liquid, brought up to date. */
import { expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { sql } from 'kysely';
import { liquidSettings } from '@/features/connectors/migrations/2026_11_26_liquid_settings.ts';
import { liquidTemplates } from '@/features/workflows/migrations/2026_11_26_liquid_templates.ts';
import type { Database } from '@/platform/db/database.ts';
import { migrate } from '@/platform/db/migrate.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { MIGRATIONS } from '@/server/composition.ts';

/** More than fit into one batch, with several versions on its edge. */
const VERSIONS = 205;

const oldSteps = [
  {
    id: 'tell',
    type: 'http.request',
    url: "https://x.io/{{lead.phone ?? lead.email ?? 'none'}}",
    headers: { 'X-Name': '{{lead.first_name ?? "you"}}' },
    body: { deep: ['{{context["a b"] ?? lead}}', 7], off: '50 {% off' },
    idempotency_header: 'X ?? Y',
  },
  { id: 'set', type: 'lead.update', fields: { source: '{{context.s ?? "web"}}' } },
  { id: 'other', type: 'gone', body: '{{a ?? b}}' },
];
const newSteps = [
  {
    ...oldSteps[0],
    url: "https://x.io/{{ lead.phone | default: lead.email, allow_false: true | default: 'none', allow_false: true }}",
    headers: { 'X-Name': '{{ lead.first_name | default: "you", allow_false: true }}' },
    body: { deep: ['{{ context["a b"] | default: lead, allow_false: true }}', 7], off: '50 {{ "{%" }} off' },
  },
  { ...oldSteps[1], fields: { source: '{{ context.s | default: "web", allow_false: true }}' } },
  oldSteps[2],
];
const description = 'says {{lead.phone ?? "none"}}';

async function asBefore(db: Database): Promise<void> {
  await db.write(async (trx) => {
    for (let n = 0; n < VERSIONS; n += 1) {
      const definition = JSON.stringify({ description, steps: oldSteps });
      await trx
        .insertInto('workflow_versions')
        .values({
          workflow_id: `w${n >> 1}`,
          version: 1 + (n & 1),
          definition,
          created_by: null,
          created_at: 1,
        })
        .execute();
    }
    const untouched = { workflow_id: 'x', version: 1, created_by: null, created_at: 1 };
    await trx
      .insertInto('workflow_versions')
      .values({ ...untouched, definition: ' {"steps": []}' })
      .execute();
    const settings = {
      method: 'PUT',
      url: 'https://crm.io/{{lead.email ?? lead.id}}',
      headers: { a: '{{lead.source ?? "-"}}' },
      body: '{{lead}}',
      id_path: 'a ?? b',
    };
    const times = { created_at: 1, updated_at: 1, sealed_credentials: null };
    await trx
      .insertInto('connectors')
      .values({ id: 'crm', kind: 'rest', name: 'crm', settings: JSON.stringify(settings), ...times })
      .execute();
    await sql`delete from migrations where id in (${liquidTemplates.id}, ${liquidSettings.id})`.execute(trx);
  });
}

const stored = async (db: Database) => ({
  versions: await db.read
    .selectFrom('workflow_versions')
    .selectAll()
    .orderBy('workflow_id')
    .orderBy('version')
    .execute(),
  connectors: await db.read.selectFrom('connectors').selectAll().execute(),
});

forEachDatabase('a database of before Liquid', (open) => {
  test('comes out with Liquid in every template, and nothing else changed', async () => {
    const db = await open();
    await asBefore(db);
    await migrate(db, MIGRATIONS, silentLogger);
    const { versions, connectors } = await stored(db);
    expect(versions).toHaveLength(VERSIONS + 1);
    expect(versions.at(-1)?.definition).toBe(' {"steps": []}');
    for (const { definition } of versions.slice(0, -1)) {
      expect(JSON.parse(definition)).toEqual({ description, steps: newSteps });
    }
    expect(connectors.map(({ settings }) => JSON.parse(settings))).toEqual([
      {
        method: 'PUT',
        url: 'https://crm.io/{{ lead.email | default: lead.id, allow_false: true }}',
        headers: { a: '{{ lead.source | default: "-", allow_false: true }}' },
        body: '{{lead}}',
        id_path: 'a ?? b',
      },
    ]);
  });

  test('is not changed by a second time', async () => {
    const db = await open();
    await asBefore(db);
    await migrate(db, MIGRATIONS, silentLogger);
    const once = await stored(db);
    await migrate(db, MIGRATIONS, silentLogger);
    await db.write(async (trx) => {
      for (const { apply } of [liquidTemplates, liquidSettings]) await apply?.(trx);
    });
    expect(await stored(db)).toEqual(once);
  });
});
