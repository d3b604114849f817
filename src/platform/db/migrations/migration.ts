/** What a migration is: statements, written once for both databases. */
import type { Transaction } from '../database.ts';
import type { DialectName } from '../executor.ts';

export interface Migration {
  /** Date and subject. Migrations run in the order of their ids; an id never changes once released. */
  readonly id: string;
  /** An older migration that did the same: a database that has it needs this one no more. */
  readonly partOf?: string;
  readonly statements: (columns: ColumnTypes, dialect: DialectName) => readonly string[];
  /** What statements cannot say, in the same transaction, after them. Reads rows in bounded batches. */
  readonly apply?: (trx: Transaction) => Promise<void>;
}

/** The one migration of the first release, before each feature brought its own. */
export const FOUNDATIONS = '2026_11_24_foundations';

export interface ColumnTypes {
  /** Compared byte by byte on both databases. */
  readonly text: string;
  /** Whole numbers of 64 bits: times, counters. */
  readonly whole: string;
  /** Whole numbers of 32 bits: flags, indexes. */
  readonly small: string;
  /**
   * Ends a table whose rows are found by key and stay under 1,000 bytes: SQLite then keeps one tree instead of two.
   * Longer rows would each spill into a page of their own.
   */
  readonly keyed: string;
}

const types: Record<DialectName, ColumnTypes> = {
  sqlite: { text: 'text', whole: 'integer', small: 'integer', keyed: ' without rowid' },
  postgres: { text: 'text collate "C"', whole: 'bigint', small: 'integer', keyed: '' },
};

export const columnTypes = (dialect: DialectName): ColumnTypes => types[dialect];
