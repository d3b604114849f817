/**
 * One worker process: the same executable once more, with an IPC channel. What it writes on standard output are log
 * lines already; what it writes on standard error (a crash of the runtime) is made into log lines here, and the end
 * of it is kept as the cause of its death.
 */
import { statSync } from 'node:fs';
import { processVariables, withoutOurs } from '@/platform/config/environment.ts';
import type { ToSupervisor, ToWorker } from '@/platform/ipc/messages.ts';

/** The hidden command by which the executable becomes a worker. */
export const WORKER_COMMAND = '__worker';

export interface WorkerExit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** What it said last on its standard error, in one line. */
  readonly lastWords: string | null;
}

export interface WorkerProcess {
  readonly pid: number;
  /** Never throws: a message to a worker that is just dying is lost with it. */
  send(message: ToWorker): void;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<WorkerExit>;
}

export interface WorkerListener {
  message(message: ToSupervisor): void;
  /** What it wrote on its standard error at one time. */
  stderr(text: string): void;
}

/** Still the running program's own file under its name, or the running file itself when an upgrade has replaced it. */
function ownExecutable(): string {
  const running = `/proc/${process.pid}/exe`;
  try {
    const [named, own] = [statSync(process.execPath, { throwIfNoEntry: false }), statSync(running)];
    return named?.ino === own.ino && named.dev === own.dev ? process.execPath : running;
  } catch {
    return process.execPath;
  }
}

/** What starts a worker of this very version of the program, also after the file on disk was replaced by another. */
export function workerCommand(): string[] {
  const compiled = Bun.main.startsWith('/$bunfs/') || Bun.main.startsWith('B:/~BUN/');
  return compiled ? [ownExecutable(), WORKER_COMMAND] : [ownExecutable(), Bun.main, WORKER_COMMAND];
}

/** The line that says most about a crash: the error itself, else the last one. */
function essence(text: string): string | null {
  const lines = text.split('\n').flatMap((line) => line.trim() || []);
  return lines.findLast((line) => /^(\w*error|panic)\b/i.test(line)) ?? lines.at(-1) ?? null;
}

/** Starts a worker. Throws when the operating system refuses. */
export function spawnWorker(command: readonly string[], listener: WorkerListener): WorkerProcess {
  let lastWords: string | null = null;
  const child = Bun.spawn([...command], {
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'pipe',
    env: withoutOurs(processVariables()),
    serialization: 'json',
    ipc: (message: ToSupervisor) => listener.message(message),
  });
  const readErrors = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) {
      const text = decoder.decode(chunk, { stream: true });
      lastWords = essence(text) ?? lastWords;
      listener.stderr(text.trimEnd());
    }
  };
  const stderrEnded = readErrors().catch(() => undefined);
  const exited = child.exited.then(async (): Promise<WorkerExit> => {
    await stderrEnded;
    const { exitCode, signalCode } = child;
    return { code: exitCode, signal: signalCode === null ? null : String(signalCode), lastWords };
  });
  return {
    pid: child.pid,
    send: (message) => {
      try {
        child.send(message);
      } catch {
        // Its exit is reported by `exited`.
      }
    },
    kill: (signal) => child.kill(signal),
    exited,
  };
}
