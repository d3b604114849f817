/** What an operator says to the server by signals. */

export interface SignalActions {
  /** SIGTERM or SIGINT, once. */
  stop(signal: string): void;
  /** A second SIGINT by an operator who does not want to wait. */
  stopNow(): void;
  /** SIGHUP. */
  reload(): void;
}

/** Some process managers signal the group and the process: the same Ctrl-C, not a second one. */
const SAME_PRESS_MS = 500;

/** Listens until the returned function is called. */
export function listenForSignals(actions: SignalActions): () => void {
  let stoppedAt: number | null = null;
  const stop = (signal: NodeJS.Signals): void => {
    if (stoppedAt === null) {
      stoppedAt = performance.now();
      actions.stop(signal);
    } else if (signal === 'SIGINT' && performance.now() - stoppedAt > SAME_PRESS_MS) {
      actions.stopNow();
    }
  };
  const reload = (): void => actions.reload();
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', reload);
  return () => {
    process.off('SIGTERM', stop);
    process.off('SIGINT', stop);
    process.off('SIGHUP', reload);
  };
}
