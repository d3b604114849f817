/**
 * The schema that the migrations make, beside a golden copy: nobody changes a table by accident, and a released
 * migration stays as it is. After a new migration: UPDATE_GOLDEN=1 bun test test/platform/db/schema.test.ts
 */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { forEachDatabase, sqliteOpener } from '@test/support/databases.ts';
import { sql } from 'kysely';
import type { Database } from '@/platform/db/database.ts';

async function sqliteSchema(db: Database): Promise<string> {
  const { rows } = await sql<{ sql: string }>`
    select sql from sqlite_master where sql is not null order by tbl_name, type desc, name`.execute(db.read);
  return rows.map((row) => `${row.sql.replace(/\s+/g, ' ')};`).join('\n');
}

async function postgresSchema(db: Database): Promise<string> {
  const columns = await sql<{ line: string }>`
    select table_name || '.' || column_name || ' ' || data_type || coalesce(' collate ' || collation_name, '')
      || case is_nullable when 'NO' then ' not null' else '' end as line
    from information_schema.columns where table_schema = 'public' order by table_name, ordinal_position`.execute(
    db.read,
  );
  const indexes = await sql<{ line: string }>`
    select indexdef as line from pg_indexes where schemaname = 'public' order by tablename, indexname`.execute(
    db.read,
  );
  const checks = await sql<{ line: string }>`
    select conrelid::regclass || ' ' || pg_get_constraintdef(oid) as line
    from pg_constraint where contype = 'f' order by 1`.execute(db.read);
  return [columns, indexes, checks].map(({ rows }) => rows.map(({ line }) => line).join('\n')).join('\n\n');
}

forEachDatabase('the schema', (open) => {
  test('is the golden one', async () => {
    const db = await open();
    const schema = `${db.dialect === 'sqlite' ? await sqliteSchema(db) : await postgresSchema(db)}\n`;
    const golden = Bun.file(join(import.meta.dir, `schema.${db.dialect}.golden`));
    if (Bun.env.UPDATE_GOLDEN === '1') await Bun.write(golden, schema);
    expect(schema).toBe(await golden.text());
  });
});

const open = sqliteOpener();

test.each([
  [
    'claims of due runs',
    "status in ('queued','waiting') and available_at <= 5 order by available_at, id limit 9",
  ],
  [
    'claims of due runs of one workflow',
    "status in ('queued','waiting') and workflow_id = 'w' and available_at <= 5 order by available_at, id limit 9",
  ],
  ['the first workflow that has runs to do', "status in ('queued','waiting') order by workflow_id limit 1"],
  ['the next due run', "status in ('queued','waiting') order by available_at limit 1"],
  [
    'claims of lost runs',
    "status = 'running' and lease_until is not null and (lease_until < 5 or lease_until > 99) order by lease_until, id limit 9",
  ],
  [
    'the last lease to end',
    "status = 'running' and lease_until is not null order by lease_until desc limit 1",
  ],
])('SQLite finds %s in the order of an index, without sorting the queue', async (_, condition) => {
  const db = await open();
  const plan = await sql
    .raw<{ detail: string }>(`explain query plan select id, available_at from runs where ${condition}`)
    .execute(db.read);
  expect(plan.rows.map(({ detail }) => detail).join()).toMatch(
    /^(SEARCH|SCAN) runs USING .*INDEX runs_(claimable|claimable_of|leased)[^;,]*$/,
  );
});
