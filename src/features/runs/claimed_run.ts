/** A run in the hands of this executor: under its lease, with the token that every checkpoint must name. */

import type { RunContext } from './context.ts';
import type { RunState } from './state.ts';
import type { RunRow } from './tables.ts';

export class ClaimedRun {
  readonly id: string;
  readonly token: number;
  state: RunState;
  context: RunContext;
  /** Characters of the outputs of finished steps, as JSON; about. */
  outputsSize: number;
  /** Its last checkpoint here is being written: the place is as good as free. */
  leaving = false;
  private taken = false;
  private readonly controller = new AbortController();

  constructor(
    readonly row: RunRow,
    /** On the monotonic clock, counted from before the database was asked: never later than the lease itself. */
    public leaseEndsAt: number,
    /** Its former executor gave no sign of life: the attempt it was in counts as failed. */
    readonly reclaimed: boolean,
  ) {
    this.id = row.id;
    this.token = row.fencing_token;
    const forgiven = row.retried_step === row.cursor ? (row.retried_attempt ?? 0) : 0;
    this.state = { cursor: row.cursor, attempt: row.attempt, forgiven };
    this.context = JSON.parse(row.context);
    this.outputsSize = JSON.stringify(this.context.steps).length;
  }

  /** True once the run belongs to somebody else, or to nobody. */
  get lost(): boolean {
    return this.taken;
  }

  /** Fires when the run is lost or interrupted: whatever is under way for it should stop. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The run is not ours any more: nothing may be written for it. */
  abandon(reason: string): void {
    this.taken = true;
    this.controller.abort(new Error(reason));
  }

  /** Stops its step while the run stays ours: what became of the attempt is still to be written. */
  interrupt(reason: string): void {
    this.controller.abort(new Error(reason));
  }
}
