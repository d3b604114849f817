/** Templates became Liquid: rewrites `??` in stored workflows and connectors, a few rows at a time. */
import { sql } from 'kysely';
import { toLiquid } from '@/platform/template/coalescing.ts';
import type { Transaction } from '../database.ts';
import type { Migration } from './migration.ts';

/** Rows in memory at once. */
const AT_ONCE = 100;

/** Where templates stood when this was written; everything else is text. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  'http.request': ['url', 'headers', 'body'],
  'lead.update': ['fields'],
};
const CONNECTOR_TEMPLATES = ['url', 'headers', 'body'];

export const liquidTemplates: Migration = {
  id: '2026_11_26_liquid_templates',
  statements: () => [],
  async apply(trx) {
    await rewriteVersions(trx);
    await rewriteConnectors(trx);
  },
};

interface VersionRow {
  workflow_id: string;
  version: number;
  definition: string;
}

async function rewriteVersions(trx: Transaction): Promise<void> {
  for (let last: VersionRow | undefined = { workflow_id: '', version: 0, definition: '' }; last; ) {
    const { rows }: { rows: VersionRow[] } = await sql<VersionRow>`
      select workflow_id, version, definition from workflow_versions
      where (workflow_id, version) > (${last.workflow_id}, ${last.version})
      order by workflow_id, version limit ${sql.lit(AT_ONCE)}`.execute(trx);
    for (const { workflow_id, version, definition } of rows) {
      const rewritten = rewriteJson(definition, inWorkflow);
      if (rewritten === null) continue;
      await sql`update workflow_versions set definition = ${rewritten}
        where workflow_id = ${workflow_id} and version = ${version}`.execute(trx);
    }
    last = rows.length === AT_ONCE ? rows.at(-1) : undefined;
  }
}

interface ConnectorRow {
  id: string;
  settings: string;
}

async function rewriteConnectors(trx: Transaction): Promise<void> {
  for (let last: ConnectorRow | undefined = { id: '', settings: '' }; last; ) {
    const { rows }: { rows: ConnectorRow[] } = await sql<ConnectorRow>`
      select id, settings from connectors where id > ${last.id}
      order by id limit ${sql.lit(AT_ONCE)}`.execute(trx);
    for (const { id, settings } of rows) {
      const rewritten = rewriteJson(settings, (value) => inFields(value, CONNECTOR_TEMPLATES));
      if (rewritten !== null) {
        await sql`update connectors set settings = ${rewritten} where id = ${id}`.execute(trx);
      }
    }
    last = rows.length === AT_ONCE ? rows.at(-1) : undefined;
  }
}

/** The rewritten JSON; null when nothing changes, so that what needs no change is not even formatted anew. */
function rewriteJson(json: string, rewrite: (value: unknown) => unknown): string | null {
  const before: unknown = JSON.parse(json);
  const after = JSON.stringify(rewrite(before));
  return after === JSON.stringify(before) ? null : after;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function inWorkflow(definition: unknown): unknown {
  if (!isObject(definition) || !Array.isArray(definition.steps)) return definition;
  const steps = definition.steps.map((step: unknown) =>
    isObject(step) ? inFields(step, TEMPLATES[String(step.type)] ?? []) : step,
  );
  return { ...definition, steps };
}

function inFields(value: unknown, fields: readonly string[]): unknown {
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([name, field]) => [
    name,
    fields.includes(name) ? inTexts(field) : field,
  ]);
  return Object.fromEntries(entries);
}

function inTexts(value: unknown): unknown {
  if (typeof value === 'string') return toLiquid(value);
  if (Array.isArray(value)) return value.map(inTexts);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inTexts(item)]));
}
