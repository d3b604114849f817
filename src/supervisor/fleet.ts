/**
 * The workers of this server: keeps the wanted number alive, restarts the dead with backoff, and gives up when they
 * cannot even start. The port opens when all of the first generation are prepared, so that whoever finds it open finds a
 * complete server. Stopping drains all of them at once and waits, for a bounded time, until each has left.
 */
import { CommandFailure } from '@/platform/errors/problem.ts';
import type { FleetState, ToWorker, UntrustedProxy, WorkerInit } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';
import { type BackoffOptions, backoffMs } from '@/platform/time/backoff.ts';
import { settlesWithin } from '@/platform/time/deadline.ts';
import { FileIndexes } from './file_indexes.ts';
import { type Death, Slot } from './slot.ts';

/** Deaths in a row before readiness that end the service. */
const MOST_FAILED_STARTS = 5;

export interface FleetTiming extends BackoffOptions {
  readonly startTimeoutMs: number;
  /** A worker that was ready this long starts again with a clean record. */
  readonly stableMs: number;
}

export const DEFAULT_TIMING: FleetTiming = {
  baseMs: 100,
  maxMs: 10_000,
  // Workers that died together do not come back together, and yet none comes back at once.
  jitter: 0.25,
  startTimeoutMs: 60_000,
  stableMs: 30_000,
};

export interface FleetOptions {
  readonly size: number;
  /** A ready worker that gives no sign of life for this long is killed and replaced. */
  readonly silenceMs: number;
  /** Asked at every start: the way to the program may change while it runs. */
  command(): readonly string[];
  readonly log: Logger;
  readonly timing?: Partial<FleetTiming>;
  /** The message that makes a worker begin, with the state of this moment. */
  init(slot: number, metricsFile: number): WorkerInit;
  /** The state of this moment, for those who are told to listen. */
  state(): FleetState;
  /** The number of serving workers or of restarts has changed. */
  changed(): void;
  /** A worker has died unasked and will be replaced. */
  restarted(): void;
  /** A proxy that is not trusted forwards requests to one of the workers. */
  untrustedProxy(proxy: UntrustedProxy): void;
}

interface Place {
  readonly slot: Slot;
  file: number | null;
  /** Deaths in a row, for the backoff. */
  deaths: number;
  readyAt: number;
  timer: Timer | null;
}

export class Fleet {
  private readonly places: Place[];
  private readonly files = new FileIndexes();
  private readonly timing: FleetTiming;
  private readonly complete = Promise.withResolvers<void>();
  private readonly failure = Promise.withResolvers<CommandFailure>();
  /** Whether a prepared worker listens at once: from the first complete generation on. */
  private open = false;
  private mayOpen = false;
  private spawned = false;
  private wasComplete = false;
  private stopping = false;
  private failedStarts = 0;

  constructor(private readonly options: FleetOptions) {
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    this.places = Array.from({ length: options.size }, (_, number) => this.place(number));
  }

  get ready(): number {
    return this.places.filter(({ slot }) => slot.isReady).length;
  }

  /** Workers that have been told to listen. */
  get serving(): number {
    return this.places.filter(({ slot }) => slot.serves).length;
  }

  /** Settles only when the fleet cannot go on; with the cause. */
  get failed(): Promise<CommandFailure> {
    return this.failure.promise;
  }

  /** Process ids of the living workers. */
  get pids(): number[] {
    return this.places.flatMap(({ slot }) => slot.pid ?? []);
  }

  /** Whether any worker has given a sign of life in the last `ms`. */
  livedWithin(ms: number): boolean {
    return this.places.some(({ slot }) => slot.livedWithin(ms));
  }

  /** Starts the processes, which then wait for `start`: they come up while others prepare what they need. */
  spawn(): void {
    this.spawned = true;
    for (const place of this.places) this.startIn(place);
  }

  /**
   * Lets the workers open everything; resolves when each has become ready. Race it with `failed`. The port stays closed
   * until `mayListen` has resolved.
   */
  start(mayListen: Promise<unknown> = Promise.resolve()): Promise<void> {
    if (!this.spawned) this.spawn();
    for (const { slot } of this.places) slot.begin();
    const open = (): void => {
      this.mayOpen = true;
      this.listenIfComplete();
    };
    // Whoever made the promise hears of its failure.
    mayListen.then(open, () => undefined);
    return this.complete.promise;
  }

  broadcast(message: ToWorker): void {
    for (const { slot } of this.places) slot.tell(message);
  }

  /** Drains and waits; kills what still lives after `patienceMs`. Resolves with the number of killed workers. */
  async stop(patienceMs: number): Promise<number> {
    this.stopping = true;
    for (const place of this.places) {
      if (place.timer) clearTimeout(place.timer);
      place.slot.drain();
    }
    const allGone = Promise.all(this.places.map(({ slot }) => slot.empty));
    const killed = (await settlesWithin(allGone, patienceMs)) ? 0 : this.pids.length;
    if (killed > 0) this.killAll();
    await allGone;
    return killed;
  }

  /** For an operator who does not want to wait; `stop` then resolves. */
  killAll(): void {
    this.stopping = true;
    for (const { slot } of this.places) slot.kill();
  }

  private place(number: number): Place {
    const place: Place = {
      slot: new Slot({
        number,
        command: () => this.options.command(),
        log: this.options.log,
        startTimeoutMs: this.timing.startTimeoutMs,
        silenceMs: this.options.silenceMs,
        init: (slot) => this.options.init(slot, place.file ?? 0),
        prepared: () => this.becamePrepared(place),
        ready: () => this.becameReady(place),
        died: (_, death) => this.died(place, death),
        fatal: (message) => this.neverStarts(message),
        untrustedProxy: (message) => this.options.untrustedProxy(message),
      }),
      file: null,
      deaths: 0,
      readyAt: 0,
      timer: null,
    };
    return place;
  }

  private startIn(place: Place): void {
    place.timer = null;
    place.file = this.files.take();
    place.slot.start();
  }

  private becamePrepared(place: Place): void {
    if (this.open) this.listen([place]);
    else this.listenIfComplete();
  }

  private listenIfComplete(): void {
    if (this.open || this.stopping || !this.mayOpen) return;
    if (!this.places.every(({ slot }) => slot.isPrepared)) return;
    this.open = true;
    this.listen(this.places);
  }

  /** All are counted before the first is told: whoever answers first already knows of the others. */
  private listen(places: readonly Place[]): void {
    for (const { slot } of places) slot.admit();
    const message = { type: 'listen', fleet: this.options.state() } as const;
    for (const { slot } of places) slot.tell(message);
    this.options.changed();
  }

  private becameReady(place: Place): void {
    place.readyAt = performance.now();
    this.failedStarts = 0;
    if (this.ready === this.options.size) {
      this.wasComplete = true;
      this.complete.resolve();
    }
    this.options.changed();
  }

  private died(place: Place, death: Death): void {
    if (place.file !== null) this.files.free(place.file);
    place.file = null;
    if (this.stopping) return;
    const stable = death.wasReady && performance.now() - place.readyAt > this.timing.stableMs;
    place.deaths = stable || death.orderly ? 1 : place.deaths + 1;
    if (!death.wasReady && !death.orderly) this.failedStarts += 1;
    const delayMs = death.orderly ? 0 : backoffMs(place.deaths, this.timing);
    this.report(place, death, delayMs);
    if (this.isHopeless()) {
      this.failure.resolve(
        new CommandFailure(
          `the workers cannot start: ${this.failedStarts} died before they were ready, the last with ${death.cause}`,
        ),
      );
      return;
    }
    place.timer = setTimeout(() => this.startIn(place), delayMs);
    this.options.changed();
  }

  /** What no first worker can start with (a database of another version). Later it may pass: others still serve. */
  private neverStarts(message: string): void {
    if (!this.wasComplete) this.failure.resolve(new CommandFailure(message));
  }

  /** Workers that serve are never given up for one that cannot start any more; a generation that never served is. */
  private isHopeless(): boolean {
    return this.failedStarts >= MOST_FAILED_STARTS && (!this.wasComplete || this.ready === 0);
  }

  private report(place: Place, death: Death, delayMs: number): void {
    const fields = { slot: place.slot.number, cause: death.cause, restart_in_ms: delayMs };
    if (death.orderly) {
      this.options.log.info('worker left, a new one follows', fields);
      return;
    }
    this.options.restarted();
    this.options.log.error('worker died', { ...fields, was_ready: death.wasReady });
  }
}
