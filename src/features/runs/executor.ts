/**
 * Claims due runs in batches as large as its free places and carries them out. Holds each under a lease that it
 * renews; a run whose executor dies is claimed again when the lease ends, and the dead one's late writes are refused
 * by the fencing token. Stopping hands everything back.
 */
import type { WorkflowService } from '@/features/workflows/service.ts';
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { BackgroundJob } from '@/platform/jobs/job.ts';
import type { Logger } from '@/platform/log/log.ts';
import { monotonic, newId, now } from '@/platform/time/clock.ts';
import { settlesWithin } from '@/platform/time/deadline.ts';
import { ClockJumps } from '@/platform/time/jumps.ts';
import type { Leads } from './attempt.ts';
import { CheckpointWriter } from './checkpoints.ts';
import { ClaimedRun } from './claimed_run.ts';
import { claimRuns, dueWorkflows, latestLease, type Moments, nextMoments } from './engine_store.ts';
import { claimByShare, claimInOrder } from './fairness.ts';
import type { RunnerHealth } from './health.ts';
import { Leases } from './leases.ts';
import type { RunMetrics } from './metrics.ts';
import type { RunSignals } from './signals.ts';
import { StepLoop } from './step_loop.ts';

interface Options {
  readonly db: Database;
  readonly workflows: WorkflowService;
  readonly leads: Leads;
  readonly signals: RunSignals;
  readonly metrics: RunMetrics;
  readonly config: LiveConfig;
  readonly log: Logger;
  /** Names this process in leases, such as server id and slot. */
  readonly name: string;
}

/** The last checkpoints of a stopping executor: longer only if the database does not answer. */
const HAND_BACK_MS = 1000;

export class RunExecutor implements BackgroundJob {
  readonly name = 'run executor';
  private readonly owner: string;
  private readonly held = new Map<string, ClaimedRun>();
  private readonly walks = new Set<Promise<void>>();
  private readonly checkpoints: CheckpointWriter;
  private readonly walk: StepLoop;
  private readonly leases: Leases;
  private readonly clock = new ClockJumps();
  private readonly unsubscribe: (() => void)[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;
  private looking: Promise<void> | null = null;
  private lookAgain = false;
  private scheduled = false;
  private stopping = false;
  private trouble: string | null = null;

  constructor(private readonly options: Options) {
    const { db, log } = options;
    // Unique per life of the executor: its own name in an old lease must not look like its own.
    this.owner = `${options.name}:${newId()}`;
    this.leases = new Leases({
      db,
      log,
      metrics: options.metrics.instruments,
      owner: this.owner,
      leaseMs: this.leaseMs,
      held: this.held,
    });
    this.checkpoints = new CheckpointWriter({
      db,
      log,
      stillHeld: (id, token) => {
        const held = this.held.get(id);
        return held?.token === token && !held.lost;
      },
    });
    this.walk = new StepLoop({
      ...options,
      checkpoints: this.checkpoints,
      stopping: () => this.stopping,
      leaving: (held) => this.leaving(held),
    });
  }

  start(): void {
    const { signals } = this.options;
    this.unsubscribe.push(
      signals.onWake(() => this.lookSoon()),
      signals.onCancelled((id) => this.held.get(id)?.abandon('cancelled')),
    );
    this.leases.start();
    this.lookSoon();
  }

  /**
   * Claims nothing more, lets steps under way finish for up to `graceMs`, then stops them; everything unfinished is
   * handed back for others to go on at once. A step that is stopped has had an attempt: it may have acted already.
   */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    for (const unsubscribe of this.unsubscribe.splice(0)) unsubscribe();
    if (this.timer) clearTimeout(this.timer);
    await this.looking;
    const finished = Promise.allSettled(this.walks);
    await settlesWithin(finished, graceMs);
    for (const held of this.held.values()) held.interrupt('the server is stopping');
    await settlesWithin(finished, HAND_BACK_MS);
    await this.leases.stop();
    const left = [...this.held.values()].filter((held) => !held.lost);
    for (const held of left) held.abandon('the server is stopping');
    if (left.length > 0) this.options.log.error('runs are left to their leases', { runs: left.length });
    this.options.signals.wake();
  }

  /** Of this process; see `RunService.health` for the queue as a whole. */
  health(): RunnerHealth {
    if (this.stopping) return { state: 'degraded', reason: 'the executor is stopping' };
    if (this.trouble) return { state: 'degraded', reason: `runs cannot be claimed: ${this.trouble}` };
    if (this.checkpoints.failing) return { state: 'degraded', reason: 'checkpoints cannot be written' };
    return { state: 'running', reason: null };
  }

  private get leaseMs(): number {
    return this.options.config.current.runs.lease_seconds * 1000;
  }

  private get concurrency(): number {
    return this.options.config.current.runs.concurrency;
  }

  private get free(): number {
    let leaving = 0;
    for (const held of this.held.values()) if (held.leaving) leaving++;
    return this.concurrency - this.held.size + leaving;
  }

  private get places(): Map<string, number> {
    const places = new Map<string, number>();
    for (const { leaving, row } of this.held.values()) {
      if (!leaving) places.set(row.workflow_id, (places.get(row.workflow_id) ?? 0) + 1);
    }
    return places;
  }

  private leaving(held: ClaimedRun): void {
    held.leaving = true;
    this.lookSoon();
  }

  /** In the same round of the event loop as the checkpoints, so that claim and checkpoints share one commit. */
  private lookSoon(): void {
    if (this.scheduled || this.stopping) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (this.stopping) return;
      if (this.looking) this.lookAgain = true;
      else this.looking = this.look().finally(() => this.afterLook());
    });
  }

  private afterLook(): void {
    this.looking = null;
    if (!this.lookAgain) return;
    this.lookAgain = false;
    this.lookSoon();
  }

  /** Claims what there is, then sleeps until the next run is due, a lease ends, somebody wakes it, or it polls. */
  private async look(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    const { poll_interval_ms } = this.options.config.current.runs;
    let sleepMs = poll_interval_ms;
    try {
      const time = now();
      const moments = await nextMoments(this.options.db.read);
      const { due, expiry } = moments;
      if (!this.stopping && this.free > 0) {
        const reclaimed = this.someLeaseHasEnded(moments, time) ? await this.claim('expired', this.free) : 0;
        const claimed = due !== null && due <= time ? await this.claimReady() : 0;
        if (reclaimed + claimed > 0 && this.free > 0) this.lookAgain = true;
        const next = Math.min(due ?? Number.POSITIVE_INFINITY, expiry ?? Number.POSITIVE_INFINITY) - time;
        if (next > 0) sleepMs = Math.min(sleepMs, next + 1);
      }
      this.trouble = null;
      this.options.metrics.alive();
    } catch (error) {
      this.trouble = messageOf(error);
      this.options.log.warn('runs could not be claimed', { error: this.trouble });
    }
    if (!this.stopping) this.timer = setTimeout(() => this.lookSoon(), sleepMs);
  }

  /** After the clock was set, whoever lives gets the time to renew: until then what is stored says nothing. */
  private someLeaseHasEnded({ expiry, lastExpiry }: Moments, time: number): boolean {
    if (expiry === null || lastExpiry === null || this.clock.evenForMs() < this.leaseMs) return false;
    return expiry < time || lastExpiry > latestLease(time + this.leaseMs);
  }

  private async claimReady(): Promise<number> {
    const { read } = this.options.db;
    const inOrder = claimInOrder(this.places, this.free, this.concurrency);
    const claimed = await this.claim('ready', inOrder);
    if (claimed < inOrder || this.free <= 0) return claimed;
    // The busiest workflow has its share; what is left is for the others.
    const shares = claimByShare(this.places, this.free, this.concurrency, await dueWorkflows(read, now()));
    const more = shares.map(({ workflowId, limit }) => this.claim('ready', limit, workflowId));
    return (await Promise.all(more)).reduce((sum, count) => sum + count, claimed);
  }

  private async claim(which: 'ready' | 'expired', limit: number, workflowId?: string): Promise<number> {
    const { db } = this.options;
    if (limit <= 0) return 0;
    const time = now();
    const endsAt = monotonic() + this.leaseMs;
    const leaseUntil = time + this.leaseMs;
    const claim = { owner: this.owner, now: time, leaseUntil, limit };
    const rows = await db.write((trx) => claimRuns(trx, which, claim, workflowId));
    for (const row of rows) {
      const held = new ClaimedRun(row, endsAt, which === 'expired');
      // Our own lease may have ended while this process was frozen: the older hold must end, too.
      this.held.get(held.id)?.abandon('claimed again');
      this.held.set(held.id, held);
      const walk = this.walk.carryOut(held).finally(() => {
        this.walks.delete(walk);
        // The run may have come back to us under a new token in the meantime.
        if (this.held.get(held.id) === held) this.held.delete(held.id);
        if (!held.leaving) this.lookSoon();
      });
      this.walks.add(walk);
    }
    return rows.length;
  }
}
