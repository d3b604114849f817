/**
 * Writes checkpoints: one for each finished attempt, durable before the run goes on, refused when the run belongs to
 * somebody else by now. Those that are ready together share one transaction; one that also changes a lead has its own.
 */
import type { Database, Transaction } from '@/platform/db/database.ts';
import { messageOf, Problem } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { backoffMs } from '@/platform/time/backoff.ts';
import { advanceRun, insertAttempt, settleRun } from './engine_store.ts';
import type { NextState } from './state.ts';
import type { AttemptRow } from './tables.ts';

export interface Checkpoint {
  readonly runId: string;
  readonly token: number;
  readonly next: NextState;
  readonly context: string;
  /** When the run ended; null while it has not. */
  readonly completedAt: number | null;
  readonly attempt: AttemptRow | null;
  /** Belongs to the same transaction. */
  readonly apply?: ((trx: Transaction) => Promise<void>) | undefined;
}

/** `lost`: the run is not ours any more, and nothing was written. */
export type Saved = 'saved' | 'lost';

interface Waiting {
  readonly checkpoint: Checkpoint;
  readonly resolve: (saved: Saved) => void;
  readonly reject: (error: unknown) => void;
}

interface Options {
  readonly db: Database;
  readonly log: Logger;
  /** Whether there is still a point in trying again: the lease may have ended meanwhile. */
  readonly stillHeld: (runId: string, token: number) => boolean;
}

const MOST_IN_ONE = 256;
const GIVE_UP_AFTER = 5;
const RETRY = { baseMs: 50, maxMs: 2_000, jitter: 0.5 };

export class CheckpointWriter {
  private waiting: Waiting[] = [];
  private scheduled = false;
  private failures = 0;

  constructor(private readonly options: Options) {}

  /** True while the database refuses checkpoints. */
  get failing(): boolean {
    return this.failures > 0;
  }

  /** Throws only what `apply` throws; trouble of the database is waited out as long as the lease holds. */
  save(checkpoint: Checkpoint): Promise<Saved> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ checkpoint, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    // All runs that reach a checkpoint in this round of the event loop share one transaction.
    setImmediate(() => {
      this.scheduled = false;
      const ready = this.waiting;
      this.waiting = [];
      const plain = ready.filter(({ checkpoint }) => !checkpoint.apply);
      for (let from = 0; from < plain.length; from += MOST_IN_ONE) {
        void this.write(plain.slice(from, from + MOST_IN_ONE));
      }
      for (const one of ready) if (one.checkpoint.apply) void this.write([one]);
    });
  }

  private async write(group: readonly Waiting[], failures = 0): Promise<void> {
    try {
      const saved = await this.options.db.write(async (trx) => {
        const results: Saved[] = [];
        for (const { checkpoint } of group) results.push(await writeOne(trx, checkpoint));
        return results;
      });
      this.failures = 0;
      for (const [index, { resolve }] of group.entries()) resolve(saved[index] ?? 'lost');
    } catch (error) {
      await this.recover(group, error, failures + 1);
    }
  }

  private async recover(group: readonly Waiting[], error: unknown, failures: number): Promise<void> {
    const [first] = group;
    if (group.length === 1 && first?.checkpoint.apply && error instanceof Problem && error.status < 500) {
      first.reject(error);
      return;
    }
    if (group.length === 1 && first && failures >= GIVE_UP_AFTER && (await this.isAlone(error))) {
      this.options.log.error('a checkpoint cannot be written', {
        run: first.checkpoint.runId,
        error: messageOf(error),
      });
      if (first.checkpoint.apply) first.reject(error);
      else first.resolve('lost');
      return;
    }
    this.failures = failures;
    this.options.log.warn('checkpoints could not be written, trying again', {
      runs: group.length,
      failures,
      error: messageOf(error),
    });
    await Bun.sleep(backoffMs(failures, RETRY));
    const held = group.filter(({ checkpoint, resolve }) => {
      if (this.options.stillHeld(checkpoint.runId, checkpoint.token)) return true;
      resolve('lost');
      return false;
    });
    // One bad checkpoint must not keep the others back: from the second try on each goes alone.
    if (failures > 1) for (const one of held) void this.write([one], failures);
    else if (held.length > 0) void this.write(held, failures);
  }

  /** Whether the trouble is this checkpoint's own, and not that of the database. */
  private async isAlone(error: unknown): Promise<boolean> {
    if (error instanceof Problem && error.status >= 500) return false;
    return this.options.db.ping().then(
      () => true,
      () => false,
    );
  }
}

async function writeOne(trx: Transaction, checkpoint: Checkpoint): Promise<Saved> {
  const { runId: id, token, next, context, completedAt, attempt, apply } = checkpoint;
  const state = { id, token, context, cursor: next.cursor, attempt: next.attempt, error: next.error };
  const updated =
    next.status === 'running'
      ? await advanceRun(trx, state)
      : await settleRun(trx, {
          ...state,
          status: next.status,
          availableAt: next.availableAt,
          completedAt,
        });
  if (updated.length === 0) return 'lost';
  if (attempt) await insertAttempt(trx, attempt);
  if (apply) await apply(trx);
  return 'saved';
}
