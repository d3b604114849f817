/** Queries of connectors. There is one so far: the CRM. */
import type { Selectable } from 'kysely';
import type { ConnectorsTable } from '@/features/connectors/tables.ts';
import type { Reader, Transaction } from '@/platform/db/database.ts';

export type ConnectorRow = Selectable<ConnectorsTable>;

export async function findConnector(db: Reader, id: string): Promise<ConnectorRow | null> {
  const row = await db.selectFrom('connectors').selectAll().where('id', '=', id).executeTakeFirst();
  return row ?? null;
}

export async function putConnector(trx: Transaction, row: ConnectorRow): Promise<void> {
  const { id, created_at, ...changed } = row;
  await trx
    .insertInto('connectors')
    .values({ id, created_at, ...changed })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(changed))
    .execute();
}
