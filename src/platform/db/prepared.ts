/**
 * Queries of hot paths: built and compiled by Kysely once per dialect (about 50 µs), then only executed with new
 * parameters, over a prepared statement that the connection keeps.
 */
import { type Compilable, type Kysely, type RawBuilder, sql } from 'kysely';
import { type DialectName, StatementExecutor } from './executor.ts';
import type { Tables } from './schema.ts';

class Placeholder {
  constructor(readonly name: string) {}
}

/** Stands for the parameter `name` while the query is built. */
type Param<P> = <K extends keyof P & string>(name: K) => RawBuilder<P[K]>;

interface Plan {
  readonly sql: string;
  readonly slots: readonly unknown[];
}

const param = (name: string): RawBuilder<never> => sql`${new Placeholder(name)}`;

/** `build` runs once per dialect: it must not depend on anything but its arguments. Answers the rows, if any. */
export function prepare<P extends object, R = never>(
  build: (db: Kysely<Tables>, param: Param<P>) => Compilable<R>,
): (db: Kysely<Tables>, params: P) => Promise<R[]> {
  const plans: Partial<Record<DialectName, Plan>> = {};
  const compile = (db: Kysely<Tables>): Plan => {
    const compiled = build(db, param as Param<P>).compile();
    return { sql: compiled.sql, slots: compiled.parameters };
  };
  return (db, params) => {
    const executor = db.getExecutor();
    if (!(executor instanceof StatementExecutor)) {
      throw new Error('a prepared query needs a database of openDatabase, without Kysely plugins');
    }
    plans[executor.dialect] ??= compile(db);
    const plan = plans[executor.dialect] as Plan;
    const values = bind(plan.slots, params as Readonly<Record<string, unknown>>);
    return executor.rows(plan.sql, values) as Promise<R[]>;
  };
}

function bind(slots: readonly unknown[], params: Readonly<Record<string, unknown>>): unknown[] {
  const values = new Array<unknown>(slots.length);
  for (let index = 0; index < slots.length; index++) {
    const slot = slots[index];
    if (!(slot instanceof Placeholder)) {
      values[index] = slot;
      continue;
    }
    const value = params[slot.name];
    if (value === undefined) throw new Error(`parameter ${slot.name} is missing`);
    values[index] = value;
  }
  return values;
}
