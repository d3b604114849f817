/** Notices that the wall clock was set, by the monotonic one that goes on beside it. */
import { monotonic, now } from './clock.ts';

/** Corrections of a running time service are far smaller. */
const JUMP_MS = 1000;

export class ClockJumps {
  private offset = now() - monotonic();
  private lastAt = Number.NEGATIVE_INFINITY;

  /** For how long the wall clock has gone on evenly, as far as the calls of this method show. */
  evenForMs(): number {
    const offset = now() - monotonic();
    if (Math.abs(offset - this.offset) > JUMP_MS) this.lastAt = monotonic();
    this.offset = offset;
    return monotonic() - this.lastAt;
  }
}
