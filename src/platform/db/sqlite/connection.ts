/**
 * One connection to the SQLite file, with its settings and its prepared statements. Every call is synchronous:
 * SQLite answers in microseconds, and a write waits for its turn before it comes here.
 */
import { type SQLQueryBindings, Database as SqliteFile, type Statement } from 'bun:sqlite';
import type { QueryResult } from 'kysely';

const MAX_STATEMENTS = 400;
const NO_ROWS: unknown[] = [];

interface Prepared {
  readonly statement: Statement;
  readonly answersRows: boolean;
}

type Mode = 'read' | 'write';

export class SqliteConnection {
  private readonly file: SqliteFile;
  private readonly statements = new Map<string, Prepared>();

  /** Opening for 'write' creates the file and puts it into WAL mode; it must come before any reader. */
  constructor(path: string, mode: Mode) {
    this.file = new SqliteFile(
      path,
      mode === 'read' ? { readonly: true } : { create: true, readwrite: true },
    );
    try {
      this.configure(mode);
    } catch (error) {
      this.file.close();
      throw error;
    }
  }

  /** True between BEGIN and COMMIT; some errors (a full disk) end a transaction by themselves. */
  get inTransaction(): boolean {
    return this.file.inTransaction;
  }

  run(sql: string, parameters: readonly unknown[]): QueryResult<unknown> {
    const { statement, answersRows } = this.prepared(sql);
    const bindings = parameters as SQLQueryBindings[];
    if (answersRows) return { rows: statement.all(...bindings) };
    const { changes } = statement.run(...bindings);
    return { rows: NO_ROWS, numAffectedRows: BigInt(changes) };
  }

  /** A statement without parameters and answer. */
  command(sql: string): void {
    this.prepared(sql).statement.run();
  }

  close(): void {
    for (const { statement } of this.statements.values()) statement.finalize();
    this.statements.clear();
    this.file.close();
  }

  private configure(mode: Mode): void {
    // First of all: switching to WAL can itself meet a lock.
    this.file.run('pragma busy_timeout = 5000');
    if (mode === 'write') {
      this.file.run('pragma journal_mode = wal');
      this.file.run('pragma synchronous = full');
      // Copying the WAL back less often costs disk space, not safety: a tenth more writes a second.
      this.file.run('pragma wal_autocheckpoint = 4000');
      this.file.run('pragma journal_size_limit = 67108864');
      // From here on waiting for the lock is done without blocking the event loop.
      this.file.run('pragma busy_timeout = 0');
    }
    this.file.run('pragma foreign_keys = on');
    this.file.run('pragma cache_size = -16000');
    this.file.run('pragma temp_store = memory');
  }

  private prepared(sql: string): Prepared {
    const known = this.statements.get(sql);
    if (known) return known;
    const statement = this.file.prepare(sql);
    const prepared = { statement, answersRows: statement.columnNames.length > 0 };
    if (this.statements.size >= MAX_STATEMENTS) this.forgetOldest();
    this.statements.set(sql, prepared);
    return prepared;
  }

  private forgetOldest(): void {
    for (const [sql, { statement }] of this.statements) {
      this.statements.delete(sql);
      statement.finalize();
      return;
    }
  }
}
