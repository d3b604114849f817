/** The mark "the queue's depth was warned of": a row among the leases that never runs out. */
import type { Reader, Transaction } from '@/platform/db/database.ts';

const NAME = 'queue-depth-warned';

export async function isMarked(db: Reader): Promise<boolean> {
  const row = await db.selectFrom('leases').select('name').where('name', '=', NAME).executeTakeFirst();
  return row !== undefined;
}

/** True for the one that made the mark. */
export async function mark(trx: Transaction): Promise<boolean> {
  const result = await trx
    .insertInto('leases')
    .values({ name: NAME, holder: NAME, expires_at: Number.MAX_SAFE_INTEGER })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0;
}

/** True for the one that took the mark away. */
export async function unmark(trx: Transaction): Promise<boolean> {
  const result = await trx.deleteFrom('leases').where('name', '=', NAME).executeTakeFirst();
  return Number(result.numDeletedRows) > 0;
}
