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
import { machineClock } from '@/platform/time/machine_clock.ts';

/** Signs of life come this many times in the span after whose silence the service counts as dead. */
const SIGNS_PER_SPAN = 3;
/** Workers speak every half second; one that is late by a moment is not dead. */
const SHORTEST_SILENCE_MS = 3 * ALIVE_EVERY_MS;

export class ServiceManager implements Disposable {
  private timer: Timer | null = null;
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
    this.say('READY=1', `STATUS=${status}`);
  }

  status(status: string): void {
    if (!this.isStopping) this.say(`STATUS=${status}`);
  }

  /** To be followed by `ready`. */
  reloading(): void {
    this.say('RELOADING=1', `MONOTONIC_USEC=${this.clock()}`);
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
  }

  private say(...words: string[]): void {
    if (this.send(words.join('\n')) || this.warned) return;
    this.warned = true;
    this.options.log.warn('the service manager did not take a message', { message: words[0] });
  }
}
