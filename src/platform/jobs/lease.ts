/**
 * The lease of a background job: taken before a round, renewed while the round runs, and kept between rounds, so that
 * one process goes on with the job until it stops or dies. The monotonic clock says how long it is ours.
 */
import type { Database } from '@/platform/db/database.ts';
import { acquireLease, releaseLease } from '@/platform/db/lease.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { monotonic, newId } from '@/platform/time/clock.ts';
import type { Timers } from '@/platform/time/timers.ts';

export interface LeaseOptions {
  readonly db: Database;
  readonly name: string;
  /** A holder that dies leaves the job to the next one after this. */
  readonly ttlMs: number;
  /** Renewed when so much of it is over; a third of `ttlMs` unless given. */
  readonly renewMs?: number;
  /** Not given up at the stop, but left to end by itself. */
  readonly outlivesStop?: boolean;
}

interface Options extends LeaseOptions {
  readonly job: string;
  readonly log: Logger;
  readonly timers: Timers;
}

const NOT_HELD = Number.NEGATIVE_INFINITY;

export class JobLease {
  private readonly holder = newId();
  private readonly renewMs: number;
  /** On the monotonic clock. */
  private endsAt = NOT_HELD;

  constructor(private readonly options: Options) {
    this.renewMs = options.renewMs ?? options.ttlMs / 3;
  }

  /** False while another process has it. */
  async take(): Promise<boolean> {
    return this.leftMs > this.options.ttlMs - this.renewMs || this.acquire();
  }

  /** Renews it until the returned function is called; `lost` is told, once, when it is ours no more. */
  keep(lost: (reason: string) => void): () => Promise<void> {
    const { log, timers, job } = this.options;
    let renewing: Promise<void> | null = null;
    let callOff: () => void = () => undefined;
    let isOver = false;
    const lose = (reason: string): void => {
      if (isOver) return;
      isOver = true;
      callOff();
      log.warn('background job lost its lease, its round is stopped', { job, reason });
      lost(reason);
    };
    const renew = async (): Promise<void> => {
      try {
        if (!(await this.acquire())) lose('another process has taken the lease');
      } catch (error) {
        log.warn('lease of a background job could not be renewed', { job, error: messageOf(error) });
      }
      renewing = null;
    };
    const beat = (): void => {
      if (this.leftMs <= 0) lose('the lease ended before it could be renewed');
      // A renewal that hangs must not hide that the lease ends meanwhile.
      else renewing ??= renew();
      wait();
    };
    const wait = (): void => {
      if (!isOver) callOff = timers.after(Math.min(this.renewMs, Math.max(0, this.leftMs)), beat);
    };
    wait();
    return async () => {
      isOver = true;
      callOff();
      // Else it could take the lease again behind its release.
      await renewing;
    };
  }

  /** Gives it up at once, if it is ours. */
  async release(): Promise<void> {
    const { db, name, log, job, outlivesStop = false } = this.options;
    const isHeld = this.leftMs > 0;
    this.endsAt = NOT_HELD;
    if (!isHeld || outlivesStop) return;
    await releaseLease(db, name, this.holder).catch((error: unknown) =>
      log.warn('lease of a background job is left to end by itself', { job, error: messageOf(error) }),
    );
  }

  private get leftMs(): number {
    return this.endsAt - monotonic();
  }

  private async acquire(): Promise<boolean> {
    const { db, name, ttlMs } = this.options;
    const endsAt = monotonic() + ttlMs;
    const isOurs = await acquireLease(db, name, this.holder, ttlMs);
    this.endsAt = isOurs ? endsAt : NOT_HELD;
    return isOurs;
  }
}
