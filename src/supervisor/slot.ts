/**
 * One place in the fleet: at most one living worker process at a time, from its birth to its death:
 * hello → init → prepared → listen → ready. When init and listen may be said is the fleet's to decide, and so is what a
 * death means (restart, how soon, give up).
 */
import { messageOf } from '@/platform/errors/problem.ts';
import {
  ALIVE_EVERY_MS,
  type ToSupervisor,
  type ToWorker,
  type UntrustedProxy,
  type WorkerInit,
} from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';
import { spawnWorker, type WorkerExit, type WorkerProcess } from './worker_process.ts';

export interface Death {
  readonly wasReady: boolean;
  /** It drained and left with code 0, because somebody asked this one worker to. */
  readonly orderly: boolean;
  readonly cause: string;
}

export interface SlotOptions {
  readonly number: number;
  /** Asked at every start: the way to the program may change while it runs. */
  command(): readonly string[];
  /** A worker that takes longer than this for its next step towards readiness is killed. */
  readonly startTimeoutMs: number;
  /** So is one that gives no sign of life for this long: the kernel goes on handing it connections. */
  readonly silenceMs: number;
  readonly log: Logger;
  init(slot: number): WorkerInit;
  /** Everything is open but the port: it waits for `listen`. */
  prepared(slot: Slot): void;
  ready(slot: Slot): void;
  died(slot: Slot, death: Death): void;
  /** A proxy that is not trusted forwards requests to the worker. */
  untrustedProxy(proxy: UntrustedProxy): void;
  /** The worker says that no worker can ever start. */
  fatal(message: string): void;
}

type Phase = 'empty' | 'starting' | 'greeted' | 'initialised' | 'prepared' | 'listening' | 'ready';

function causeOf(exit: WorkerExit, told: string | null): string {
  const how = exit.signal ? `killed by ${exit.signal}` : `exit code ${exit.code}`;
  const why = told ?? exit.lastWords;
  return why ? `${how}: ${why}` : how;
}

export class Slot {
  private worker: WorkerProcess | null = null;
  private phase: Phase = 'empty';
  private mayBegin = false;
  private drained = false;
  private told: string | null = null;
  private startTimer: Timer | null = null;
  private watchTimer: Timer | null = null;
  /** Monotonic milliseconds of the last message. */
  private heardAt = 0;
  private gone: Promise<void> = Promise.resolve();

  constructor(private readonly options: SlotOptions) {}

  get number(): number {
    return this.options.number;
  }
  get pid(): number | null {
    return this.worker?.pid ?? null;
  }
  get isReady(): boolean {
    return this.phase === 'ready';
  }
  get isPrepared(): boolean {
    return this.phase === 'prepared';
  }
  /** Whether it has been told to listen. */
  get serves(): boolean {
    return this.phase === 'listening' || this.phase === 'ready';
  }
  /** Resolves when no process lives in this slot. */
  get empty(): Promise<void> {
    return this.gone;
  }

  /**
   * Starts a worker; every outcome, a refused spawn too, ends in `prepared` or `died`. It waits for `begin`, so that a
   * process can be on its way while it is not yet sure that it may work.
   */
  start(): void {
    this.phase = 'starting';
    this.drained = false;
    this.told = null;
    try {
      const worker = spawnWorker(this.options.command(), {
        message: (message) => this.hear(message),
        stderr: (text) => this.log.error('worker wrote to standard error', { text }),
      });
      this.worker = worker;
      this.gone = worker.exited.then((exit) => this.buried(exit));
    } catch (error) {
      const exit = { code: null, signal: null, lastWords: null };
      this.told = messageOf(error);
      this.gone = Promise.resolve().then(() => this.buried(exit));
      return;
    }
    this.expectProgress();
  }

  /** Lets the worker open everything, now or as soon as it says hello. */
  begin(): void {
    this.mayBegin = true;
    if (this.phase !== 'greeted') return;
    this.phase = 'initialised';
    this.worker?.send(this.options.init(this.number));
    this.expectProgress();
  }

  /** Counts the prepared worker among those that serve; the fleet then tells it to listen, with that count. */
  admit(): void {
    this.phase = 'listening';
    this.expectProgress();
  }

  /** To a worker that has its init message; one that has not will get everything with it. */
  tell(message: ToWorker): void {
    if (this.phase !== 'starting' && this.phase !== 'greeted') this.worker?.send(message);
  }

  /** Whether it has said anything in the last `ms`. */
  livedWithin(ms: number): boolean {
    return this.worker !== null && performance.now() - this.heardAt <= ms;
  }

  drain(): void {
    this.worker?.send({ type: 'drain' });
  }

  kill(): void {
    this.worker?.kill('SIGKILL');
  }

  private get log(): Logger {
    return this.options.log.with({ slot: this.number, worker_pid: this.pid });
  }

  private hear(message: ToSupervisor): void {
    this.heardAt = performance.now();
    switch (message.type) {
      case 'hello':
        this.phase = 'greeted';
        this.stopTimers();
        if (this.mayBegin) this.begin();
        return;
      case 'prepared':
        this.phase = 'prepared';
        this.stopTimers();
        this.watch();
        this.options.prepared(this);
        return;
      case 'ready':
        this.phase = 'ready';
        if (this.startTimer) clearTimeout(this.startTimer);
        this.log.debug('worker ready');
        this.options.ready(this);
        return;
      case 'untrusted_proxy':
        this.options.untrustedProxy(message);
        return;
      case 'failed':
        this.told = message.message;
        if (message.fatal) this.options.fatal(message.message);
        return;
      case 'drained':
        this.drained = true;
    }
  }

  private buried(exit: WorkerExit): void {
    const wasReady = this.phase === 'ready';
    this.stopTimers();
    this.worker = null;
    this.phase = 'empty';
    const orderly = this.drained && exit.code === 0;
    this.options.died(this, { wasReady, orderly, cause: causeOf(exit, this.told) });
  }

  private expectProgress(): void {
    const { startTimeoutMs } = this.options;
    this.startTimer = setTimeout(() => {
      this.told = `not ready after ${startTimeoutMs} ms`;
      this.kill();
    }, startTimeoutMs);
  }

  private watch(): void {
    const { silenceMs } = this.options;
    let lookedAt = performance.now();
    this.watchTimer = setInterval(() => {
      const time = performance.now();
      // This process itself stood still: let it first read what has arrived meanwhile.
      if (time - lookedAt > 3 * ALIVE_EVERY_MS) this.heardAt = time;
      lookedAt = time;
      if (time - this.heardAt <= silenceMs) return;
      this.told = `it hung: no sign of life for ${silenceMs} ms`;
      this.kill();
    }, ALIVE_EVERY_MS);
  }

  private stopTimers(): void {
    if (this.startTimer) clearTimeout(this.startTimer);
    if (this.watchTimer) clearInterval(this.watchTimer);
    this.startTimer = null;
    this.watchTimer = null;
  }
}
