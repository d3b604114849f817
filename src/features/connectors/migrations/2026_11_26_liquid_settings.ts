/** Templates became Liquid: rewrites those of the stored connectors. */
import { sql } from 'kysely';
import type { Migration } from '@/platform/db/migrations/migration.ts';
import { liquidFields, rewrittenJson } from '@/platform/template/coalescing.ts';

/** Rows in memory at once. */
const AT_ONCE = 100;

/** Where templates stood when this was written. */
const TEMPLATES = ['url', 'headers', 'body'];

export const liquidSettings: Migration = {
  id: '2026_11_26_liquid_settings',
  statements: () => [],
  async apply(trx) {
    for (let last: string | undefined = ''; last !== undefined; ) {
      const { rows }: { rows: { id: string; settings: string }[] } = await sql<{
        id: string;
        settings: string;
      }>`
        select id, settings from connectors where id > ${last}
        order by id limit ${sql.lit(AT_ONCE)}`.execute(trx);
      for (const { id, settings } of rows) {
        const rewritten = rewrittenJson(settings, (value) => liquidFields(value, TEMPLATES));
        if (rewritten === null) continue;
        await sql`update connectors set settings = ${rewritten} where id = ${id}`.execute(trx);
      }
      last = rows.length === AT_ONCE ? rows.at(-1)?.id : undefined;
    }
  },
};
