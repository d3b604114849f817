/** Walks along the chain, event by event, and says in words where it does not hold. */
import { type ChainEnd, chainHash } from './canonical.ts';

const LISTED = 20;

/** What is wrong: the first few in words, all counted. */
export class Problems {
  readonly list: string[] = [];
  count = 0;

  add(problem: string): void {
    this.count += 1;
    if (this.list.length < LISTED) this.list.push(problem);
    else this.list[LISTED] = `and ${this.count - LISTED} more`;
  }
}

const range = (from: number, to: number): string =>
  from === to ? `event ${from} is` : `events ${from} to ${to} are`;

export class ChainCheck {
  events = 0;
  /** After a gap or a jump the hash before the next event is unknown, so the next one cannot be checked by it. */
  private previousKnown: boolean;

  /** Begins behind `at`; null when nobody says what came before the first event. */
  constructor(
    private at: ChainEnd | null,
    private readonly problems: Problems,
  ) {
    this.previousKnown = at !== null;
  }

  /** The last event so far. */
  get end(): ChainEnd | null {
    return this.at;
  }

  next(seq: number, hash: string, text: string | Uint8Array): void {
    const expected = this.at === null ? seq : this.at.seq + 1;
    if (seq > expected) this.problems.add(`${range(expected, seq - 1)} missing`);
    if (seq < expected)
      this.problems.add(`event ${seq} stands where event ${expected} should: repeated or reordered`);
    const followsOn = seq === expected && this.previousKnown && this.at !== null;
    if (followsOn && chainHash(this.at?.hash ?? '', text) !== hash) {
      this.problems.add(`event ${seq} was changed: its hash does not match`);
    }
    this.at = { seq, hash };
    this.previousKnown = true;
    this.events += 1;
  }

  /** A line or row that is no event at all: whatever stands next cannot be checked by it. */
  skip(): void {
    if (this.at) this.at = { seq: this.at.seq + 1, hash: this.at.hash };
    this.previousKnown = false;
  }

  /** The chain has to end here. */
  finish(end: ChainEnd): void {
    const seq = this.at?.seq ?? 0;
    if (seq < end.seq) this.problems.add(`${range(seq + 1, end.seq)} missing at the end`);
    else if (seq > end.seq) this.problems.add(`${range(end.seq + 1, seq)} too many at the end`);
    else if (this.at !== null && this.at.hash !== end.hash) {
      this.problems.add(`event ${seq} is not the one that the signed head names`);
    }
  }
}
