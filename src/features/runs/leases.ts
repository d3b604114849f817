/**
 * Renews the leases of the runs this executor holds, and lets go of those it has lost: taken over, cancelled, or past
 * their lease because the database could not be reached. Letting go in time is what keeps two from doing one step.
 * The monotonic clock says when: a wall clock that is set ends no lease here, and the next renewal corrects what is stored.
 */
import type { Database } from '@/platform/db/database.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { monotonic, now } from '@/platform/time/clock.ts';
import type { ClaimedRun } from './claimed_run.ts';
import { renewLeases } from './engine_store.ts';

interface Options {
  readonly db: Database;
  readonly log: Logger;
  readonly owner: string;
  readonly leaseMs: number;
  readonly held: ReadonlyMap<string, ClaimedRun>;
}

export class Leases {
  private timer: ReturnType<typeof setInterval> | null = null;
  private renewing: Promise<void> | null = null;

  constructor(private readonly options: Options) {}

  start(): void {
    // Several chances within one lease.
    this.timer = setInterval(() => this.beat(), this.options.leaseMs / 6);
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.renewing;
  }

  private beat(): void {
    const time = monotonic();
    const { held, leaseMs } = this.options;
    const due: ClaimedRun[] = [];
    for (const run of held.values()) {
      if (run.lost) continue;
      if (run.leaseEndsAt <= time) run.abandon('the lease has ended');
      else if (run.leaseEndsAt - time <= (leaseMs * 2) / 3) due.push(run);
    }
    if (due.length === 0 || this.renewing) return;
    this.renewing = this.renew(due).finally(() => {
      this.renewing = null;
    });
  }

  private async renew(due: readonly ClaimedRun[]): Promise<void> {
    const { db, log, owner, leaseMs } = this.options;
    const endsAt = monotonic() + leaseMs;
    const leaseUntil = now() + leaseMs;
    const ids = due.map(({ id }) => id);
    try {
      const renewed = await db.write((trx) => renewLeases(trx, owner, ids, leaseUntil));
      const tokens = new Map(renewed.map((row) => [row.id, row.fencing_token]));
      for (const run of due) {
        if (tokens.get(run.id) === run.token) run.leaseEndsAt = endsAt;
        else if (!run.leaving) run.abandon('taken over or cancelled');
      }
    } catch (error) {
      log.warn('leases could not be renewed', { runs: ids.length, error: messageOf(error) });
    }
  }
}
