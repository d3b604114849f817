/** What repeats in the background. */

export interface BackgroundJob {
  readonly name: string;
  start(): void;
  /** Resolves when the round in progress is over; it gets `graceMs` to end by itself. */
  stop(graceMs: number): Promise<void>;
}
