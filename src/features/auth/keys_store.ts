/** Queries of API keys. */
import type { Selectable } from 'kysely';
import type { ApiKeysTable } from '@/features/auth/tables.ts';
import type { Reader, Transaction } from '@/platform/db/database.ts';

export type ApiKeyRow = Selectable<ApiKeysTable>;
/** A key with the name of its owner. */
export type OwnedKeyRow = ApiKeyRow & { readonly username: string };

export async function insertKey(trx: Transaction, row: ApiKeyRow): Promise<void> {
  await trx.insertInto('api_keys').values(row).execute();
}

/** Keys that were not revoked, oldest first; of one user, or of all for `userId` null. */
export async function liveKeys(db: Reader, userId: string | null): Promise<OwnedKeyRow[]> {
  const query = db
    .selectFrom('api_keys')
    .innerJoin('users', 'users.id', 'api_keys.user_id')
    .selectAll('api_keys')
    .select('users.username')
    .where('api_keys.revoked_at', 'is', null)
    .orderBy('api_keys.id');
  return (userId === null ? query : query.where('api_keys.user_id', '=', userId)).execute();
}

export async function countLiveKeys(trx: Transaction, userId: string): Promise<number> {
  const row = await trx
    .selectFrom('api_keys')
    .select(trx.fn.countAll<number>().as('n'))
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/** The owner of the key that was revoked by this; null when there is no such live key of `userId` (null: of anybody). */
export async function revokeKey(
  trx: Transaction,
  id: string,
  userId: string | null,
  time: number,
): Promise<string | null> {
  const query = trx
    .updateTable('api_keys')
    .set({ revoked_at: time })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('user_id');
  const row = await (userId === null ? query : query.where('user_id', '=', userId)).executeTakeFirst();
  return row?.user_id ?? null;
}
