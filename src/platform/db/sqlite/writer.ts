/**
 * Write transactions of one process. Everything that waits when the turn comes is carried out one after the other,
 * each caller in a savepoint of one BEGIN IMMEDIATE, and made durable by one commit: one fsync for all of them.
 * A caller is answered after the commit; a caller that fails is undone alone.
 */
import { StorageFull, Unavailable } from '@/platform/errors/problem.ts';
import { random } from '@/platform/time/clock.ts';
import type { Transaction } from '../database.ts';
import { type DialectParts, kyselyOver, StatementExecutor } from '../executor.ts';
import type { SqliteConnection } from './connection.ts';
import { isBusy, translated } from './errors.ts';
import type { Turns } from './turn.ts';

const MAX_CALLERS = 200;
const MAX_BATCH_MS = 8;
const BUSY_LIMIT_MS = 30_000;

type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

interface Caller {
  readonly work: (trx: Transaction) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Options {
  readonly connection: SqliteConnection;
  readonly parts: DialectParts;
  readonly path: string;
  readonly turns: Turns;
  /** A transaction that runs no query for so long is undone: it waits for something that may never come. */
  readonly idleLimitMs: number;
}

export class Writer {
  private waiting: Caller[] = [];
  private busy = false;
  private closed = false;
  private queries = 0;
  /** The last write found the disk full. */
  private diskWasFull = false;
  private abandon: (() => void) | null = null;
  private readonly watch: ReturnType<typeof setInterval>;

  constructor(private readonly options: Options) {
    this.watch = this.watchIdle(options.idleLimitMs);
  }

  write<T>(work: (trx: Transaction) => Promise<T>): Promise<T> {
    if (this.closed) return Promise.reject(new Unavailable('The database is closed.'));
    return new Promise<T>((resolve, reject) => {
      this.waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      this.start();
    });
  }

  /** Carries out what waits, then refuses more. */
  async close(): Promise<void> {
    this.closed = true;
    while (this.busy) await new Promise((done) => setImmediate(done));
    clearInterval(this.watch);
    this.options.turns.close();
  }

  private start(): void {
    if (this.busy) return;
    this.busy = true;
    // With the turn at hand, let the callers of this round of the event loop gather first: they share one commit.
    if (this.options.turns.held) setImmediate(() => void this.turn());
    else void this.turn();
  }

  private async turn(): Promise<void> {
    await this.options.turns.take();
    const calls = this.waiting.splice(0, MAX_CALLERS);
    const answers = await this.batch(calls).catch((error) =>
      calls.map(() => ({ ok: false, error }) as Outcome),
    );
    if (answers.some(isStorageFull)) this.diskWasFull = true;
    // Callers that found no room go first in the next turn.
    if (answers.length < calls.length) this.waiting.unshift(...calls.splice(answers.length));
    const more = this.waiting.length > 0;
    this.options.turns.give(more);
    this.busy = false;
    // The next process is already at work while these are answered.
    for (const [index, outcome] of answers.entries()) answer(calls[index] as Caller, outcome);
    if (more) this.start();
  }

  /** Outcomes of as many callers, from the first on, as one transaction had room for. */
  private async batch(calls: readonly Caller[]): Promise<Outcome[]> {
    if (this.diskWasFull) this.makeRoom();
    await this.begin();
    const startedAt = performance.now();
    const outcomes: Outcome[] = [];
    const alone = calls.length === 1;
    for (const call of calls) {
      const outcome = await this.carryOut(call, alone);
      outcomes.push(outcome);
      if (!this.options.connection.inTransaction) return undone(outcomes, outcome);
      if (performance.now() - startedAt > MAX_BATCH_MS) break;
    }
    return this.commit(outcomes);
  }

  /** Tries until the lock is free. Only processes outside the turns can hold it now, so this is rare. */
  private async begin(): Promise<void> {
    const { connection, path } = this.options;
    const deadline = performance.now() + BUSY_LIMIT_MS;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
      try {
        connection.command('begin immediate');
        return;
      } catch (error) {
        if (!isBusy(error)) throw translated(error, path);
        if (performance.now() > deadline) {
          throw new Unavailable('Another process keeps the database locked.', {
            headers: { 'retry-after': '5' },
            cause: error,
          });
        }
      }
      await Bun.sleep(pauseMs * (0.5 + random()));
    }
  }

  private async carryOut(call: Caller, alone: boolean): Promise<Outcome> {
    const { connection, path } = this.options;
    try {
      if (!alone) connection.command('savepoint caller');
      const outcome = await this.perform(call);
      if (!connection.inTransaction || alone) return outcome;
      if (!outcome.ok) connection.command('rollback to caller');
      connection.command('release caller');
      return outcome;
    } catch (error) {
      // The savepoint itself failed: nothing of this batch can be trusted.
      this.rollback();
      return { ok: false, error: translated(error, path) };
    }
  }

  private async perform(call: Caller): Promise<Outcome> {
    const { connection, parts, path } = this.options;
    const executor = new StatementExecutor(
      parts,
      (sql, parameters) => {
        this.queries++;
        return connection.run(sql, parameters);
      },
      true,
    );
    try {
      const value = await this.unlessIdle(call.work(kyselyOver(parts, executor)));
      const { failed } = executor;
      return failed ? { ok: false, error: translated(failed.error, path) } : { ok: true, value };
    } catch (error) {
      return { ok: false, error: translated(error, path) };
    } finally {
      executor.end();
    }
  }

  private commit(outcomes: Outcome[]): Outcome[] {
    const { connection, path } = this.options;
    if (!outcomes.some((outcome) => outcome.ok)) {
      this.rollback();
      return outcomes;
    }
    try {
      connection.command('commit');
      return outcomes;
    } catch (error) {
      this.rollback();
      return undone(outcomes, { ok: false, error: translated(error, path) });
    }
  }

  /** Copies the WAL into the file while there is room for that, so that the next write can use its space again. */
  private makeRoom(): void {
    try {
      this.options.connection.run('pragma wal_checkpoint(passive)', []);
      this.diskWasFull = false;
    } catch {
      // No room even for this: the next write will try again.
    }
  }

  private rollback(): void {
    if (this.options.connection.inTransaction) this.options.connection.command('rollback');
  }

  private unlessIdle<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.abandon = () => reject(new Error('a transaction waited for something other than its own queries'));
      work.then(resolve, reject);
    });
  }

  private watchIdle(limitMs: number): ReturnType<typeof setInterval> {
    let seen = -1;
    let suspect: (() => void) | null = null;
    const timer = setInterval(() => {
      if (this.busy && this.abandon && this.abandon === suspect && this.queries === seen) this.abandon();
      suspect = this.abandon;
      seen = this.queries;
    }, limitMs);
    timer.unref();
    return timer;
  }
}

/** Nothing was committed: whoever thought to have succeeded gets the failure instead. */
const undone = (outcomes: readonly Outcome[], cause: Outcome): Outcome[] => {
  const failure: Outcome = cause.ok ? { ok: false, error: new Error('the transaction was undone') } : cause;
  return outcomes.map((outcome) => (outcome.ok ? failure : outcome));
};

const isStorageFull = (outcome: Outcome): boolean => !outcome.ok && outcome.error instanceof StorageFull;

function answer(call: Caller, outcome: Outcome): void {
  if (outcome.ok) call.resolve(outcome.value);
  else call.reject(outcome.error);
}
