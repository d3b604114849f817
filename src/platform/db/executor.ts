/**
 * What carries a Kysely query to a connection. Kysely's own path costs several promises and a connection hand-out
 * per query; this one calls the connection directly, and knows when its transaction has ended.
 */
import {
  type CompiledQuery,
  type DatabaseIntrospector,
  DefaultQueryExecutor,
  type Dialect,
  type DialectAdapter,
  type Driver,
  Kysely,
  type KyselyProps,
  type QueryCompiler,
  type QueryResult,
} from 'kysely';
import type { Tables } from './tables.ts';

export type DialectName = 'sqlite' | 'postgres';

/** Carries out one statement. `hot`: worth a prepared statement on the server. */
export type RunStatement = (
  sql: string,
  parameters: readonly unknown[],
  hot: boolean,
) => QueryResult<unknown> | Promise<QueryResult<unknown>>;

const refuseStream = async function* (): AsyncIterableIterator<never> {
  yield await Promise.reject(new Error('streaming is not supported: read page by page, by key'));
};

/** The dialect-dependent half of Kysely, made once per database. */
export interface DialectParts {
  readonly name: DialectName;
  readonly dialect: Dialect;
  readonly driver: Driver;
  readonly compiler: QueryCompiler;
  readonly adapter: DialectAdapter;
}

interface DialectPieces {
  readonly name: DialectName;
  readonly adapter: DialectAdapter;
  readonly compiler: QueryCompiler;
  readonly introspector: (db: Kysely<unknown>) => DatabaseIntrospector;
}

/** Puts Kysely's pieces of a dialect together. */
export function dialectParts({ name, adapter, compiler, introspector }: DialectPieces): DialectParts {
  const driver = noDriver();
  return {
    name,
    compiler,
    adapter,
    driver,
    dialect: {
      createAdapter: () => adapter,
      createDriver: () => driver,
      createIntrospector: introspector,
      createQueryCompiler: () => compiler,
    },
  };
}

/**
 * Runs queries of one transaction, or of all readers. A query that fails makes the whole transaction fail, even
 * when the caller catches it: PostgreSQL insists on that, and SQLite must not behave differently.
 */
export class StatementExecutor extends DefaultQueryExecutor {
  readonly dialect: DialectName;
  private failure: { readonly error: unknown } | null = null;

  constructor(
    parts: DialectParts,
    private run: RunStatement,
    private readonly failsWhole: boolean,
  ) {
    super(parts.compiler, parts.adapter, {
      provideConnection: (use) =>
        use({
          executeQuery: (query) => this.executeQuery(query),
          streamQuery: refuseStream,
        }),
    });
    this.dialect = parts.name;
  }

  override async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return (await this.guarded(query.sql, query.parameters, false)) as QueryResult<R>;
  }

  /** The fast path of `prepare`: rows and nothing else. */
  async rows(sql: string, parameters: readonly unknown[]): Promise<unknown[]> {
    const result = this.guarded(sql, parameters, true);
    return result instanceof Promise ? (await result).rows : result.rows;
  }

  /** The first failure of a query of this transaction. */
  get failed(): { readonly error: unknown } | null {
    return this.failure;
  }

  /** From here on every query is refused: a forgotten `await` must not land in somebody else's transaction. */
  end(): void {
    this.run = () => {
      throw new Error('query after the end of its transaction (a missing await?)');
    };
  }

  private guarded(
    sql: string,
    parameters: readonly unknown[],
    hot: boolean,
  ): QueryResult<unknown> | Promise<QueryResult<unknown>> {
    if (!this.failsWhole) return this.run(sql, parameters, hot);
    if (this.failure) throw this.failure.error;
    try {
      const result = this.run(sql, parameters, hot);
      if (!(result instanceof Promise)) return result;
      return result.catch((error) => this.fail(error));
    } catch (error) {
      return this.fail(error);
    }
  }

  private fail(error: unknown): never {
    this.failure ??= { error };
    throw error;
  }
}

/** Kysely's own transactions would bypass `Database.write`: refused. */
const noDriver = (): Driver => {
  const refuse = (): Promise<never> => Promise.reject(new Error('use Database.write for a transaction'));
  return {
    init: async () => undefined,
    acquireConnection: refuse,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => undefined,
    destroy: async () => undefined,
  };
};

/** Queries over `executor`, as stores see them. */
export function kyselyOver(parts: DialectParts, executor: StatementExecutor): Kysely<Tables> {
  const props: KyselyProps = {
    config: { dialect: parts.dialect },
    dialect: parts.dialect,
    driver: parts.driver,
    executor,
  };
  return new Kysely<Tables>(props);
}
