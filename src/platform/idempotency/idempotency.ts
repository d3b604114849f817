/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the answer to a keyed request is stored in
 * the transaction of its change, so that a repeated request gets the same answer and changes nothing.
 */
import type { LiveConfig } from '@/platform/config/schema.ts';
import { inBatches } from '@/platform/db/batches.ts';
import type { Database, Transaction } from '@/platform/db/database.ts';
import { Conflict, InvalidRequest } from '@/platform/errors/problem.ts';
import { now } from '@/platform/time/clock.ts';

/** One keyed request: whose it is, its key, and a hash of what it asks. */
export interface KeyedRequest {
  readonly scope: string;
  readonly key: string;
  readonly requestHash: string;
}

export interface StoredAnswer<T> {
  readonly body: T;
  /** Id of what the answer tells of, for `forget`. */
  readonly subjectId?: string;
}

export class Idempotency {
  constructor(private readonly options: { readonly db: Database; readonly config: LiveConfig }) {}

  /**
   * `work` in one transaction, at most once per key. Throws 422 when the key was used for another request.
   * A request that comes while the first is still at work waits for it and gets its answer.
   */
  write<T>(
    once: KeyedRequest | null,
    work: (trx: Transaction) => Promise<StoredAnswer<T>>,
  ): Promise<{ answer: StoredAnswer<T>; replayed: boolean }> {
    const { db } = this.options;
    if (!once) return db.write(async (trx) => ({ answer: await work(trx), replayed: false }));
    return db.write(async (trx) => {
      if (!(await this.claim(trx, once))) return { answer: await replay<T>(trx, once), replayed: true };
      const answer = await work(trx);
      await trx
        .updateTable('idempotency_keys')
        .set({
          response: JSON.stringify(answer.body),
          subject_id: answer.subjectId ?? null,
        })
        .where('scope', '=', once.scope)
        .where('key', '=', once.key)
        .execute();
      return { answer, replayed: false };
    });
  }

  /** Empties the answers that tell of something that is being deleted; their keys stay used. */
  async forget(trx: Transaction, subjectId: string): Promise<void> {
    await trx
      .updateTable('idempotency_keys')
      .set({ response: '' })
      .where('subject_id', '=', subjectId)
      .execute();
  }

  /** Removes answers whose time is over; returns how many. */
  prune(signal?: AbortSignal): Promise<number> {
    const time = now();
    return inBatches(this.options.db, (trx, most) => deleteEnded(trx, time, most), signal);
  }

  /** True when this transaction is the first with the key. The insert waits for one that is still under way. */
  private async claim(trx: Transaction, once: KeyedRequest): Promise<boolean> {
    const time = now();
    await trx
      .deleteFrom('idempotency_keys')
      .where('scope', '=', once.scope)
      .where('key', '=', once.key)
      .where('expires_at', '<=', time)
      .execute();
    const inserted = await trx
      .insertInto('idempotency_keys')
      .values({
        scope: once.scope,
        key: once.key,
        request_hash: once.requestHash,
        response: '',
        subject_id: null,
        created_at: time,
        expires_at: time + this.options.config.current.server.idempotency_hours * 3_600_000,
      })
      .onConflict((conflict) => conflict.columns(['scope', 'key']).doNothing())
      .executeTakeFirst();
    return Number(inserted.numInsertedOrUpdatedRows ?? 0) > 0;
  }
}

async function deleteEnded(trx: Transaction, time: number, most: number): Promise<number> {
  const result = await trx
    .deleteFrom('idempotency_keys')
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('scope', 'key'),
        'in',
        selectFrom('idempotency_keys')
          .select(['scope', 'key'])
          .where('expires_at', '<=', time)
          .limit(most)
          .$asTuple('scope', 'key'),
      ),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}

async function replay<T>(trx: Transaction, once: KeyedRequest): Promise<StoredAnswer<T>> {
  const row = await trx
    .selectFrom('idempotency_keys')
    .selectAll()
    .where('scope', '=', once.scope)
    .where('key', '=', once.key)
    .executeTakeFirstOrThrow();
  if (row.request_hash !== once.requestHash) {
    throw new InvalidRequest('This Idempotency-Key was used for a different request: use a new key.');
  }
  if (row.response === '')
    throw new Conflict('What this Idempotency-Key made was deleted since: use a new key.');
  return { body: JSON.parse(row.response) };
}
