/**
 * Renews the leases of the runs this executor holds, and lets go of those it has lost: taken over, cancelled, or past
 * their lease because the database could not be reached. Letting go in time is what keeps two from doing one step.
 * The monotonic clock says when: a wall clock that is set ends no lease here, and the next renewal corrects what is stored.
 */
import type { Database } from '@/platform/db/database.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import { Job } from '@/platform/jobs/job.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { monotonic, now } from '@/platform/time/clock.ts';
import type { ClaimedRun } from './claimed_run.ts';
import { renewLeases } from './engine_store.ts';

interface Options {
  readonly db: Database;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly owner: string;
  readonly leaseMs: number;
  readonly held: ReadonlyMap<string, ClaimedRun>;
}

export class Leases {
  private readonly job: Job;
  private renewing: Promise<void> | null = null;

  constructor(private readonly options: Options) {
    const { log, metrics, leaseMs } = options;
    // Several chances within one lease, also after failures.
    const everyMs = leaseMs / 6;
    this.job = new Job({
      name: 'run_leases',
      everyMs,
      longestBackoffMs: everyMs,
      run: async () => this.beat(),
      log,
      metrics,
    });
  }

  start(): void {
    this.job.start();
  }

  async stop(): Promise<void> {
    await this.job.stop();
    await this.renewing;
  }

  /** Waits for no renewal: a database that hangs must not keep it from letting go in time. */
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
