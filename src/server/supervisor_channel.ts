/**
 * A worker's end of the IPC channel. What arrives before anybody listens is kept, so that a reload or a drain in the
 * middle of a worker's start is not lost. When the channel closes, the supervisor is dead and with it the write
 * turns and the embedded Redis: the process ends at once.
 */
import { CommandFailure } from '@/platform/errors/problem.ts';
import {
  ALIVE_EVERY_MS,
  type ToSupervisor,
  type ToWorker,
  type WorkerInit,
} from '@/platform/ipc/messages.ts';

export interface WorkerMessages {
  reload(message: Extract<ToWorker, { type: 'reload' }>): void;
  fleet(message: Extract<ToWorker, { type: 'fleet' }>): void;
  listen(message: Extract<ToWorker, { type: 'listen' }>): void;
  drain(): void;
}

export class SupervisorChannel {
  /** Resolves with the first message of a supervisor; null when it wants the worker gone before that. */
  readonly init: Promise<WorkerInit | null>;
  private readonly begin = Promise.withResolvers<WorkerInit | null>();
  private readonly kept: ToWorker[] = [];
  private listener: WorkerMessages | null = null;

  constructor() {
    if (!process.send) {
      throw new CommandFailure('this command is for the server itself: use "serve"', 2);
    }
    this.init = this.begin.promise;
    process.on('disconnect', () => process.exit(1));
    process.on('message', (message: ToWorker) => this.hear(message));
    // Ctrl-C reaches the whole process group, and a process manager may signal every process: both mean "drain".
    process.on('SIGINT', () => this.hear({ type: 'drain' }));
    process.on('SIGTERM', () => this.hear({ type: 'drain' }));
    this.say({ type: 'hello' });
    setInterval(() => this.say({ type: 'alive' }), ALIVE_EVERY_MS).unref();
  }

  say(message: ToSupervisor): void {
    process.send?.(message);
  }

  /** From now on, messages go here; first those that came since `init`. */
  listen(listener: WorkerMessages): void {
    this.listener = listener;
    for (const message of this.kept.splice(0)) this.pass(message, listener);
  }

  private hear(message: ToWorker): void {
    if (message.type === 'init') this.begin.resolve(message);
    else if (this.listener) this.pass(message, this.listener);
    else {
      if (message.type === 'drain') this.begin.resolve(null);
      this.kept.push(message);
    }
  }

  private pass(message: ToWorker, listener: WorkerMessages): void {
    if (message.type === 'reload') listener.reload(message);
    else if (message.type === 'fleet') listener.fleet(message);
    else if (message.type === 'listen') listener.listen(message);
    else if (message.type === 'drain') listener.drain();
  }
}
