/**
 * Queries of hot paths: built and compiled by Kysely once per dialect (about 50 µs), then only executed with new
 * parameters, over a prepared statement that the connection keeps.
 */
import { type Compilable, type RawBuilder, sql } from 'kysely';
import type { Reader, Transaction } from './database.ts';
import { type DialectName, StatementExecutor } from './executor.ts';

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

function planOf(query: Compilable<unknown>): Plan {
  const compiled = query.compile();
  return { sql: compiled.sql, slots: compiled.parameters };
}

function executorOf(db: Reader): StatementExecutor {
  const executor = db.getExecutor();
  if (executor instanceof StatementExecutor) return executor;
  throw new Error('a prepared query needs a database of openDatabase, without Kysely plugins');
}

/** `build` runs once per dialect: it must not depend on anything but its arguments. */
function prepare<D extends Reader, P extends object, R>(
  build: (db: D, param: Param<P>) => Compilable<R>,
): (db: D, params: P) => Promise<R[]> {
  const plans: Partial<Record<DialectName, Plan>> = {};
  return (db, params) => {
    const executor = executorOf(db);
    plans[executor.dialect] ??= planOf(build(db, param as Param<P>));
    const plan = plans[executor.dialect] as Plan;
    return executor.rows(plan.sql, bind(plan.slots, params)) as Promise<R[]>;
  };
}

/** A query that reads, in a transaction or outside. Answers the rows. */
export const prepareRead = <P extends object, R>(build: (db: Reader, param: Param<P>) => Compilable<R>) =>
  prepare<Reader, P, R>(build);

/** A query that writes, for transactions only. Answers the rows of its `returning`, if any. */
export const prepareWrite = <P extends object, R = never>(
  build: (trx: Transaction, param: Param<P>) => Compilable<R>,
) => prepare<Transaction, P, R>(build);

/**
 * As `prepareRead`, for a query whose form depends on which of its parameters are given, as a list with filters: each form
 * that is asked for is compiled once. An absent parameter is one that is undefined.
 */
export function prepareForms<P extends object, R = never>(
  build: (db: Reader, form: Form<P>) => Compilable<R>,
): (db: Reader, params: P) => Promise<R[]> {
  const plans = new Map<string, Plan>();
  return (db, params) => {
    const executor = executorOf(db);
    const names = Object.keys(params).filter((name) => params[name as keyof P] !== undefined);
    const form = `${executor.dialect} ${names.join(' ')}`;
    let plan = plans.get(form);
    if (!plan) {
      plan = planOf(build(db, { param, given: (name) => names.includes(name) }));
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
