/** Time that passes when a test says so: the clocks of the program and its timers together. */
import { holdStill } from '@/platform/time/clock.ts';
import type { Timers } from '@/platform/time/timers.ts';

/** Enough turns for whatever a timer has begun and that waits for nothing from outside. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((next) => setImmediate(next));
};

export class ManualTime implements Timers, Disposable {
  /** What every draw of chance gives. */
  chance = 0;
  private elapsedMs = 0;
  private waiting: { readonly at: number; readonly action: () => void }[] = [];
  private readonly release: () => void;

  constructor(private readonly startedAt = 1_800_000_000_000) {
    this.release = holdStill({
      now: () => this.startedAt + this.elapsedMs,
      monotonic: () => this.elapsedMs,
      random: () => this.chance,
    });
  }

  /** Timers that are set. */
  get count(): number {
    return this.waiting.length;
  }

  after(ms: number, action: () => void): () => void {
    const entry = { at: this.elapsedMs + ms, action };
    this.waiting.push(entry);
    return () => {
      this.waiting = this.waiting.filter((each) => each !== entry);
    };
  }

  /** Lets `ms` pass, with all timers that are due meanwhile, each at its moment. */
  async pass(ms: number): Promise<void> {
    const end = this.elapsedMs + ms;
    await settle();
    for (;;) {
      const [first] = this.waiting.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (!first) break;
      this.waiting = this.waiting.filter((each) => each !== first);
      this.elapsedMs = Math.max(this.elapsedMs, first.at);
      first.action();
      await settle();
    }
    this.elapsedMs = end;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
