/** What an operator says to the server by signals. */
import { IGNORED_SIGNALS } from '@/platform/ipc/messages.ts';

export interface SignalActions {
  /** SIGTERM or SIGINT, once. */
  stop(signal: string): void;
  /** A second one, by somebody who does not want to wait. */
  stopNow(signal: string): void;
  /** SIGHUP. */
  reload(): void;
  /** One that means nothing here, and would end the process if nobody listened. */
  ignored(signal: string): void;
}

/** A package manager in between passes on the Ctrl-C that the whole group has got: one press, not two. */
const SAME_PRESS_MS = 250;

/** Listens until the returned function is called. */
export function listenForSignals(actions: SignalActions): () => void {
  let stoppedAt: number | null = null;
  const stop = (signal: NodeJS.Signals): void => {
    if (stoppedAt === null) {
      stoppedAt = performance.now();
      actions.stop(signal);
    } else if (performance.now() - stoppedAt > SAME_PRESS_MS) {
      actions.stopNow(signal);
    }
  };
  const reload = (): void => actions.reload();
  const ignored = (signal: NodeJS.Signals): void => actions.ignored(signal);
  const listeners = [
    ['SIGTERM', stop],
    ['SIGINT', stop],
    ['SIGHUP', reload],
    ...IGNORED_SIGNALS.map((signal) => [signal, ignored] as const),
  ] as const;
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}
