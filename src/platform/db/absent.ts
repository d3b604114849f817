/** The database of a process that has none: for those who ask the program about itself. Every query fails. */
import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { Unavailable } from '@/platform/errors/problem.ts';
import type { Database } from './database.ts';
import { dialectParts, kyselyOver, StatementExecutor } from './executor.ts';

const refuse = (): Promise<never> => Promise.reject(new Unavailable('This process has no database.'));

const parts = dialectParts({
  name: 'sqlite',
  adapter: new SqliteAdapter(),
  compiler: new SqliteQueryCompiler(),
  introspector: (db) => new SqliteIntrospector(db),
});

export const absentDatabase: Database = {
  dialect: 'sqlite',
  read: kyselyOver(parts, new StatementExecutor(parts, refuse, false)),
  write: refuse,
  ping: refuse,
  close: async () => undefined,
};
