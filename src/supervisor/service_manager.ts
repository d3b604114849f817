/**
 * What systemd (or who speaks like it) is told through NOTIFY_SOCKET: that the server is ready, reloads, stops, lives,
 * and how it is. Nothing here ever fails the server: without a socket every word is lost, and one that cannot be sent is
 * logged once.
 */

import type { ServiceManagerVariables } from '@/platform/config/environment.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import { ALIVE_EVERY_MS } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';
import { type DatagramSender, datagramSender } from '@/platform/native/datagram.ts';
import { monotonic } from '@/platform/time/clock.ts';
import { machineClock } from '@/platform/time/machine_clock.ts';

/** Signs of life come this many times in the span after whose silence the service counts as dead. */
const SIGNS_PER_SPAN = 3;
/** A message that is not taken is tried again for so long. */
const PATIENCE_MS = 5_000;
const RETRY_MS = 50;
/** Workers speak every half second; one that is late by a moment is not dead. */
const SHORTEST_SILENCE_MS = 3 * ALIVE_EVERY_MS;

export class ServiceManager implements Disposable {
  private timer: Timer | null = null;
  private retryTimer: Timer | null = null;
  private readonly unsent: string[] = [];
  /** Monotonic milliseconds at which the oldest of them is given up. */
  private giveUpAt = 0;
  private isReady = false;
  private isStopping = false;
  private warned = false;

  private constructor(
    private readonly options: ServiceManagerVariables & { readonly log: Logger },
    private readonly send: DatagramSender,
    private readonly clock: () => bigint,
  ) {}

  /** Null where nobody listens. */
  static async open(variables: ServiceManagerVariables, log: Logger): Promise<ServiceManager | null> {
    const { socket } = variables;
    if (socket === undefined) return null;
    try {
      return new ServiceManager({ ...variables, log }, await datagramSender(socket), await machineClock());
    } catch (error) {
      log.warn('the service manager hears nothing of this server', { socket, reason: messageOf(error) });
      return null;
    }
  }

  ready(status: string): void {
    this.isReady = true;
    this.say('READY=1', `STATUS=${status}`);
  }

  status(status: string): void {
    if (!this.isStopping) this.say(`STATUS=${status}`);
  }

  /** To be followed by `reloaded`. Before readiness, and in a stop, a reload is nothing to wait for. */
  reloading(): void {
    if (this.isReady && !this.isStopping) this.say('RELOADING=1', `MONOTONIC_USEC=${this.clock()}`);
  }

  reloaded(status: string): void {
    if (this.isReady && !this.isStopping) this.ready(status);
  }

  /** From now on the time limit of the stop is the only judge: signs of life no longer depend on workers. */
  stopping(status: string): void {
    if (!this.isStopping) this.say('STOPPING=1', `STATUS=${status}`);
    this.isStopping = true;
  }

  /** Gives signs of life as long as `lives` says so of the last milliseconds. */
  watch(lives: (withinMs: number) => boolean): void {
    const { watchdogMs } = this.options;
    if (watchdogMs === null) return;
    const everyMs = watchdogMs / SIGNS_PER_SPAN;
    this.timer = setInterval(() => {
      if (this.isStopping || lives(Math.max(everyMs, SHORTEST_SILENCE_MS))) this.say('WATCHDOG=1');
    }, everyMs);
  }

  [Symbol.dispose](): void {
    if (this.timer) clearInterval(this.timer);
    if (this.retryTimer) clearTimeout(this.retryTimer);
  }

  /** In order. When a machine comes up, many speak at once, and the queue of the listener can be full for a moment. */
  private say(...words: string[]): void {
    if (this.unsent.length === 0) this.giveUpAt = monotonic() + PATIENCE_MS;
    this.unsent.push(words.join('\n'));
    if (this.retryTimer === null) this.sendAll();
  }

  private sendAll(): void {
    this.retryTimer = null;
    for (let text = this.unsent[0]; text !== undefined && this.send(text); text = this.unsent[0]) {
      this.unsent.shift();
      this.giveUpAt = monotonic() + PATIENCE_MS;
    }
    if (this.unsent.length === 0) return;
    if (monotonic() < this.giveUpAt) {
      this.retryTimer = setTimeout(() => this.sendAll(), RETRY_MS);
      return;
    }
    const lost = this.unsent.splice(0);
    if (!this.warned) this.options.log.warn('the service manager takes no messages', { lost });
    this.warned = true;
  }
}
