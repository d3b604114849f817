/** The right to write, of which there is one per SQLite file, handed round first come, first served. */

export interface Turns {
  /** True while this process has the turn and nobody has asked for it back. */
  readonly held: boolean;
  /** Resolves when it is this process's turn; never rejects. */
  take(): Promise<void>;
  /** Ends the turn; it may stay here if nobody else waits. `again`: and queue up for the next one. */
  give(again: boolean): void;
  close(): void;
}

/** For a process on its own: always its turn, only SQLite's lock stands between it and others. */
export const localTurns: Turns = {
  held: true,
  take: () => Promise.resolve(),
  give: () => undefined,
  close: () => undefined,
};
