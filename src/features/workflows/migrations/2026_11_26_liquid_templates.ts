/** Templates became Liquid: rewrites those of all stored versions, a few rows at a time. */
import { sql } from 'kysely';
import type { Transaction } from '@/platform/db/database.ts';
import type { Migration } from '@/platform/db/migrations/migration.ts';
import { isObject, liquidFields, rewrittenJson } from '@/platform/template/coalescing.ts';

/** Rows in memory at once. */
const AT_ONCE = 100;

/** Where templates stood when this was written; everything else is text. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  'http.request': ['url', 'headers', 'body'],
  'lead.update': ['fields'],
};

export const liquidTemplates: Migration = {
  id: '2026_11_26_liquid_templates',
  statements: () => [],
  apply: rewriteVersions,
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
      const rewritten = rewrittenJson(definition, inWorkflow);
      if (rewritten === null) continue;
      await sql`update workflow_versions set definition = ${rewritten}
        where workflow_id = ${workflow_id} and version = ${version}`.execute(trx);
    }
    last = rows.length === AT_ONCE ? rows.at(-1) : undefined;
  }
}

function inWorkflow(definition: unknown): unknown {
  if (!isObject(definition) || !Array.isArray(definition.steps)) return definition;
  const steps = definition.steps.map((step: unknown) =>
    isObject(step) ? liquidFields(step, TEMPLATES[String(step.type)] ?? []) : step,
  );
  return { ...definition, steps };
}
