/**
 * Turns granted by the supervisor over its socket. While nobody grants them (the supervisor is starting, stopped or
 * gone), writing goes on after a short wait under SQLite's own lock: turns are for fairness, not for safety.
 */
import { existsSync } from 'node:fs';
import type { Socket } from 'bun';
import type { Logger } from '@/platform/log/log.ts';
import { TURN } from '../turn_order.ts';
import type { Turns } from './turn.ts';

const RECONNECT_MS = 100;
/** How long a worker waits at its start for a socket that must be there. */
const APPEAR_MS = 5_000;
/** How long a writer waits for a lost socket to come back before it goes on without. */
const GRACE_MS = 1_000;
/**
 * How long it waits for a turn. A holder that does not react loses its own after a second, so this is a supervisor that
 * does not answer, or more processes than any machine should have.
 */
const TURN_MS = 5_000;

export class SocketTurns implements Turns {
  private socket: Socket<undefined> | null = null;
  private waiter: (() => void) | null = null;
  private patience: ReturnType<typeof setTimeout> | undefined;
  private has = false;
  private inUse = false;
  /** Somebody else waits: give the turn back after this batch. */
  private yieldAsked = false;
  /** The server knows that this process wants the turn. */
  private queued = false;
  private closed = false;
  /** A turn was waited for in vain: the next ones are not, until the server is heard again. */
  private unanswered = false;

  private constructor(
    private readonly path: string,
    private readonly log: Logger,
  ) {}

  /** Null when nobody serves turns here. */
  static async ifServed(path: string, log: Logger): Promise<SocketTurns | null> {
    if (!existsSync(path)) return null;
    const turns = new SocketTurns(path, log);
    return (await turns.open()) ? turns : null;
  }

  /** For a process that belongs to a server: waits for the socket, and goes on looking for it if it does not come. */
  static async awaited(path: string, log: Logger): Promise<SocketTurns> {
    const turns = new SocketTurns(path, log);
    const deadline = performance.now() + APPEAR_MS;
    while (!(await turns.open())) {
      if (performance.now() > deadline) {
        turns.lost();
        break;
      }
      await Bun.sleep(RECONNECT_MS);
    }
    return turns;
  }

  get held(): boolean {
    return this.has && !this.yieldAsked;
  }

  take(): Promise<void> {
    this.inUse = true;
    if (this.has) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiter = resolve;
      if (this.socket) this.ask();
      const patienceMs = this.unanswered ? 0 : this.socket ? TURN_MS : GRACE_MS;
      this.patience = setTimeout(() => this.goOnWithout(resolve), patienceMs);
    });
  }

  give(again: boolean): void {
    this.inUse = false;
    if (!this.has || !this.yieldAsked) return;
    this.has = false;
    this.yieldAsked = false;
    this.queued = again;
    this.send(again ? TURN.doneWant : TURN.done);
  }

  close(): void {
    this.closed = true;
    this.socket?.end();
  }

  private async open(): Promise<boolean> {
    try {
      this.socket = await Bun.connect<undefined>({
        unix: this.path,
        socket: {
          data: (_socket, bytes) => {
            for (const byte of bytes) this.receive(byte);
          },
          close: () => this.lost(),
          error: () => undefined,
        },
      });
      if (this.waiter) this.ask();
      return true;
    } catch {
      return false;
    }
  }

  private receive(byte: number): void {
    this.unanswered = false;
    if (byte === TURN.yield) {
      if (!this.has) return;
      this.yieldAsked = true;
      if (!this.inUse) this.give(false);
      return;
    }
    this.has = true;
    this.queued = false;
    this.yieldAsked = byte === TURN.grantedOnce;
    this.wake();
    // Granted, but the one who asked has gone on without.
    if (!this.inUse && this.yieldAsked) this.give(false);
  }

  private ask(): void {
    if (this.queued) return;
    this.queued = true;
    this.send(TURN.want);
  }

  private send(byte: number): void {
    this.socket?.write(Uint8Array.of(byte));
  }

  private wake(): void {
    const { waiter } = this;
    clearTimeout(this.patience);
    this.waiter = null;
    waiter?.();
  }

  private goOnWithout(waiter: () => void): void {
    if (this.waiter !== waiter) return;
    if (this.socket && !this.unanswered) {
      this.unanswered = true;
      this.log.warn('write turns: none is granted, writing under the lock of the database');
    }
    this.wake();
  }

  private lost(): void {
    this.socket = null;
    this.unanswered = false;
    this.has = false;
    this.yieldAsked = false;
    this.queued = false;
    if (this.closed) return;
    this.log.warn('write turns: the supervisor does not serve them, writing under the lock of the database');
    const { waiter } = this;
    if (waiter) {
      clearTimeout(this.patience);
      this.patience = setTimeout(() => this.goOnWithout(waiter), GRACE_MS);
    }
    void this.reconnect();
  }

  private async reconnect(): Promise<void> {
    while (!this.closed && !this.socket) {
      if (await this.open()) return;
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS).unref());
    }
  }
}
