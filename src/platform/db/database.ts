/** What every store sees of a database. SQLite and PostgreSQL differ behind this and nowhere else. */
import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/** Queries inside one transaction. */
export type Transaction = Kysely<Tables>;
/** Queries outside a transaction: they can only read. */
export type Reader = Pick<Kysely<Tables>, 'selectFrom' | 'with' | 'fn' | 'getExecutor'>;

export interface Database {
  readonly dialect: 'sqlite' | 'postgres';
  readonly read: Reader;
  /**
   * Carries out `work` as one transaction; resolves after it is durable. A throw rolls this work back, and only
   * this; so does a query that fails, even when `work` catches it (PostgreSQL knows no other way). Inside, await
   * queries only: the write turn of the whole server is held meanwhile, and a `write` inside a `write` would wait
   * for itself. May be carried out in one commit with the work of other callers. Throws StorageFull (507) on a
   * full disk.
   */
  write<T>(work: (trx: Transaction) => Promise<T>): Promise<T>;
  /** Throws when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
