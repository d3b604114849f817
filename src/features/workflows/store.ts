/** Queries of workflows and their versions. Versions are never changed and outlive their workflow: runs need them. */
import type { Selectable } from 'kysely';
import type { WorkflowsTable, WorkflowVersionsTable } from '@/features/workflows/tables.ts';
import type { Reader, Transaction } from '@/platform/db/database.ts';
import { prepareRead } from '@/platform/db/prepared.ts';

export type WorkflowRow = Selectable<WorkflowsTable>;
export type VersionRow = Selectable<WorkflowVersionsTable>;

/** On the way of every lead: compiled once. */
const enabledFor = prepareRead<{ trigger: string }, { id: string; version: number }>((db, param) =>
  db
    .selectFrom('workflows')
    .select(['id', 'version'])
    .where('trigger', '=', param('trigger'))
    .where('enabled', '=', 1)
    .orderBy('id'),
);

/** The enabled workflows of a trigger, as of this transaction. */
export const enabledWorkflows = (
  trx: Transaction,
  trigger: string,
): Promise<{ id: string; version: number }[]> => enabledFor(trx, { trigger });

export async function findWorkflow(db: Reader, id: string): Promise<WorkflowRow | null> {
  const row = await db.selectFrom('workflows').selectAll().where('id', '=', id).executeTakeFirst();
  return row ?? null;
}

/** As `findWorkflow`, but no other transaction can change the row until this one ends. */
export async function lockWorkflow(trx: Transaction, id: string): Promise<WorkflowRow | null> {
  const query = trx.selectFrom('workflows').selectAll().where('id', '=', id).forUpdate();
  const row = await query.executeTakeFirst();
  return row ?? null;
}

export async function findVersion(
  db: Reader,
  workflowId: string,
  version: number,
): Promise<VersionRow | null> {
  const row = await db
    .selectFrom('workflow_versions')
    .selectAll()
    .where('workflow_id', '=', workflowId)
    .where('version', '=', version)
    .executeTakeFirst();
  return row ?? null;
}

export async function insertWorkflow(trx: Transaction, row: WorkflowRow, version: VersionRow): Promise<void> {
  await trx.insertInto('workflows').values(row).execute();
  await trx.insertInto('workflow_versions').values(version).execute();
}

export async function replaceWorkflow(
  trx: Transaction,
  row: WorkflowRow,
  version: VersionRow,
): Promise<void> {
  const { id, ...columns } = row;
  await trx.updateTable('workflows').set(columns).where('id', '=', id).execute();
  await trx.insertInto('workflow_versions').values(version).execute();
}

export async function deleteWorkflow(trx: Transaction, id: string): Promise<void> {
  await trx.deleteFrom('workflows').where('id', '=', id).execute();
}

export async function countWorkflows(db: Reader, trigger?: string): Promise<number> {
  let query = db.selectFrom('workflows').select(db.fn.countAll<number>().as('n'));
  if (trigger !== undefined) query = query.where('trigger', '=', trigger);
  return Number((await query.executeTakeFirstOrThrow()).n);
}

/** Each name once, in order. */
export async function workflowNames(db: Reader, limit: number): Promise<string[]> {
  const query = db.selectFrom('workflows').select('name').distinct().orderBy('name').limit(limit);
  return (await query.execute()).map(({ name }) => name);
}

/** Newest first, each with the definition of its newest version. */
export async function pageOfWorkflows(
  db: Reader,
  page: { readonly skip: number; readonly limit: number; readonly trigger?: string | undefined },
): Promise<(WorkflowRow & { definition: string })[]> {
  let query = db
    .selectFrom('workflows')
    .innerJoin('workflow_versions as v', (join) =>
      join.onRef('v.workflow_id', '=', 'workflows.id').onRef('v.version', '=', 'workflows.version'),
    )
    .selectAll('workflows')
    .select('v.definition');
  if (page.trigger !== undefined) query = query.where('workflows.trigger', '=', page.trigger);
  return query.orderBy('workflows.id', 'desc').offset(page.skip).limit(page.limit).execute();
}
