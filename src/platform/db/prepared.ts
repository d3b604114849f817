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

/** Parameters of a query whose form depends on which of them are given. */
export interface Form<P> {
  readonly given: (name: keyof P & string) => boolean;
  readonly param: Param<{ readonly [K in keyof P]-?: Exclude<P[K], undefined> }>;
}

interface Plan {
  readonly sql: string;
  readonly slots: readonly unknown[];
}

const param = (name: string): RawBuilder<never> => sql`${new Placeholder(name)}`;

function planOf(db: Kysely<Tables>, build: (db: Kysely<Tables>) => Compilable<unknown>): Plan {
  const compiled = build(db).compile();
  return { sql: compiled.sql, slots: compiled.parameters };
}

function executorOf(db: Kysely<Tables>): StatementExecutor {
  const executor = db.getExecutor();
  if (executor instanceof StatementExecutor) return executor;
  throw new Error('a prepared query needs a database of openDatabase, without Kysely plugins');
}

/** `build` runs once per dialect: it must not depend on anything but its arguments. Answers the rows, if any. */
export function prepare<P extends object, R = never>(
  build: (db: Kysely<Tables>, param: Param<P>) => Compilable<R>,
): (db: Kysely<Tables>, params: P) => Promise<R[]> {
  const plans: Partial<Record<DialectName, Plan>> = {};
  return (db, params) => {
    const executor = executorOf(db);
    plans[executor.dialect] ??= planOf(db, (kysely) => build(kysely, param as Param<P>));
    const plan = plans[executor.dialect] as Plan;
    return executor.rows(plan.sql, bind(plan.slots, params)) as Promise<R[]>;
  };
}

/**
 * As `prepare`, for a query whose form depends on which of its parameters are given, as a list with filters: each form
 * that is asked for is compiled once. An absent parameter is one that is undefined.
 */
export function prepareForms<P extends object, R = never>(
  build: (db: Kysely<Tables>, form: Form<P>) => Compilable<R>,
): (db: Kysely<Tables>, params: P) => Promise<R[]> {
  const plans = new Map<string, Plan>();
  return (db, params) => {
    const executor = executorOf(db);
    const names = Object.keys(params).filter((name) => params[name as keyof P] !== undefined);
    const form = `${executor.dialect} ${names.join(' ')}`;
    let plan = plans.get(form);
    if (!plan) {
      plan = planOf(db, (kysely) => build(kysely, { param, given: (name) => names.includes(name) }));
      plans.set(form, plan);
    }
    return executor.rows(plan.sql, bind(plan.slots, params)) as Promise<R[]>;
  };
}

function bind(slots: readonly unknown[], params: object): unknown[] {
  const given = params as Readonly<Record<string, unknown>>;
  const values = new Array<unknown>(slots.length);
  for (let index = 0; index < slots.length; index++) {
    const slot = slots[index];
    if (!(slot instanceof Placeholder)) {
      values[index] = slot;
      continue;
    }
    const value = given[slot.name];
    if (value === undefined) throw new Error(`parameter ${slot.name} is missing`);
    values[index] = value;
  }
  return values;
}
