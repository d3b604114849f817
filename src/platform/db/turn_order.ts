/**
 * Who may write next: the order of turns, and the bytes in which it is told. Knows nothing of sockets but that a byte
 * can be sent to a client.
 */

/** One byte a message. */
export const TURN = {
  /** Client: I want a turn. */
  want: 0x77,
  /** Client: I am done with it. */
  done: 0x64,
  /** Client: I am done with it, and want another. */
  doneWant: 0x72,
  /** Server: it is your turn until I ask for it. */
  granted: 0x67,
  /** Server: it is your turn for one batch, others wait. */
  grantedOnce: 0x6f,
  /** Server: others wait, give it back after this batch. */
  yield: 0x79,
} as const;

/** First come, first served; a holder that nobody follows keeps the turn until it is asked. */
export class TurnOrder<C> {
  private readonly queue = new Set<C>();
  private holder: C | null = null;
  private asked = false;
  private grants = 0;
  private checkedGrant = -1;

  constructor(private readonly send: (client: C, byte: number) => void) {}

  want(client: C): void {
    if (client === this.holder) return;
    this.queue.add(client);
    if (!this.holder) this.next();
    else if (!this.asked) {
      this.asked = true;
      this.send(this.holder, TURN.yield);
    }
  }

  done(client: C): void {
    if (client !== this.holder) return;
    this.holder = null;
    this.next();
  }

  leave(client: C): void {
    this.queue.delete(client);
    this.done(client);
  }

  /** Called at intervals: takes the turn from a holder that kept others waiting over a whole interval. */
  takeFromUnresponsive(): boolean {
    const stuck = this.holder !== null && this.queue.size > 0 && this.checkedGrant === this.grants;
    this.checkedGrant = this.queue.size > 0 ? this.grants : -1;
    if (stuck && this.holder) this.done(this.holder);
    return stuck;
  }

  private next(): void {
    for (const client of this.queue) {
      this.queue.delete(client);
      this.holder = client;
      this.grants++;
      this.asked = this.queue.size > 0;
      this.send(client, this.asked ? TURN.grantedOnce : TURN.granted);
      return;
    }
  }
}
