/** Clean-up of what has had its time. */

export interface CleanupTask {
  readonly name: string;
  /** Answers how much it removed, and ends early when the signal fires. */
  run(signal: AbortSignal): Promise<number>;
}
