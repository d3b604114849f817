/**
 * Removes many rows a few at a time, so that a write turn stays short and no event loop stands still, however much has
 * gathered meanwhile.
 */
import type { Database, Transaction } from './database.ts';

/** Rows in one transaction. */
const AT_ONCE = 200;

/**
 * Calls `removeSome`, each time in a transaction of its own, until it removes less than it may (`most`) or `signal`
 * fires. Returns how many rows went.
 */
export async function inBatches(
  db: Database,
  removeSome: (trx: Transaction, most: number) => Promise<number>,
  signal?: AbortSignal,
): Promise<number> {
  let removed = 0;
  while (!signal?.aborted) {
    const last = await db.write((trx) => removeSome(trx, AT_ONCE));
    removed += last;
    if (last < AT_ONCE) break;
  }
  return removed;
}
