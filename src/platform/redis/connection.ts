/**
 * One client on one target, with a circuit breaker. While Redis is lost, calls fail at once instead of waiting;
 * an unanswered call opens the circuit for all; it closes again when Redis takes a write promptly. A heartbeat
 * finds a Redis that hangs while nobody calls.
 */
import { messageOf } from '@/platform/errors/problem.ts';
import { checkAnswers, checkUsable } from './check.ts';
import type { RedisClient } from './client.ts';
import { meansLost, RedisLost } from './lost.ts';
import type { RedisCommands } from './script.ts';

export type LinkState = 'ready' | 'lost';

interface Options {
  readonly client: RedisClient;
  readonly endpoint: string;
  readonly commandTimeoutMs: number;
  /** A connection that has not answered for this long is given up and made anew. */
  readonly connectTimeoutMs: number;
  /** `cause` is empty when Redis is back. */
  readonly changed: (state: LinkState, cause: string) => void;
}

interface Call {
  readonly startedAt: number;
  readonly lose: (reason: string, cause?: unknown) => void;
}

const HEARTBEAT_MS = 1000;

/** Durations are measured by the monotonic clock: a corrected wall clock must not look like a hanging Redis. */
const elapsed = (): number => performance.now();

export class Connection {
  state: LinkState = 'lost';
  /** Why, while the state is `lost`. */
  cause = 'not connected yet';
  private readonly calls = new Set<Call>();
  private readonly tickMs: number;
  private readonly timer: Timer;
  private lastTick = elapsed();
  private lastHeard = elapsed();
  private checkingSince: number | null = null;
  private closed = false;

  constructor(private readonly options: Options) {
    const { client, commandTimeoutMs } = options;
    this.tickMs = Math.min(100, Math.max(5, commandTimeoutMs / 5));
    client.on('ready', () => this.check());
    client.on('close', () => this.lose(this.lastError || 'connection closed'));
    client.on('end', () => this.lose(this.lastError || 'connection closed'));
    client.on('error', (error: unknown) => {
      this.lastError = messageOf(error);
      if (this.state === 'lost') this.cause = this.lastError;
    });
    this.timer = setInterval(() => this.tick(), this.tickMs);
    this.timer.unref();
    if (client.status === 'ready') this.check();
  }

  private lastError = '';

  run<T>(work: (client: RedisCommands) => Promise<T>): Promise<T> {
    if (this.state === 'lost') return Promise.reject(this.lost(this.cause));
    return this.track(work);
  }

  /** Ends the connection when nothing waits for it any more, at the latest when every call has timed out. */
  async retire(): Promise<void> {
    const until = elapsed() + this.options.commandTimeoutMs;
    while (this.calls.size > 0 && elapsed() < until) await Bun.sleep(this.tickMs);
    this.close();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    this.options.client.disconnect();
    this.loseCalls('closed');
    this.state = 'lost';
    this.cause = 'closed';
  }

  private lost(reason: string, cause?: unknown): RedisLost {
    return new RedisLost(this.options.endpoint, reason, cause === undefined ? undefined : { cause });
  }

  private track<T>(work: (client: RedisCommands) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const call: Call = {
        startedAt: elapsed(),
        lose: (reason, cause) => {
          this.calls.delete(call);
          reject(this.lost(reason, cause));
        },
      };
      this.calls.add(call);
      work(this.options.client).then(
        (value) => {
          this.lastHeard = elapsed();
          this.calls.delete(call);
          resolve(value);
        },
        (error: unknown) => {
          if (!meansLost(error)) {
            this.calls.delete(call);
            reject(error);
            return;
          }
          call.lose(messageOf(error), error);
          this.lose(messageOf(error));
        },
      );
    });
  }

  private tick(): void {
    const time = elapsed();
    const stalled = time - this.lastTick > 3 * this.tickMs + 50;
    this.lastTick = time;
    // This process itself stood still: answers may lie unread in the socket. Let it read them first.
    if (stalled) return;
    const { commandTimeoutMs, client } = this.options;
    const [oldest] = this.calls;
    if (oldest && time - oldest.startedAt > commandTimeoutMs) {
      this.lose(`no answer within ${commandTimeoutMs} ms`);
    } else if (this.state === 'ready' && time - this.lastHeard > HEARTBEAT_MS && !oldest) {
      this.track(() => checkAnswers(client)).catch(() => undefined);
    }
    if (this.state === 'lost' && client.status === 'ready') this.check();
  }

  private lose(reason: string): void {
    this.loseCalls(reason);
    if (this.closed) return;
    if (this.state === 'lost') return;
    this.state = 'lost';
    this.cause = reason;
    this.options.changed('lost', reason);
  }

  private loseCalls(reason: string): void {
    for (const call of [...this.calls]) call.lose(reason);
  }

  /** Whether Redis takes a write, and promptly: one that answers late would make every request wait. */
  private check(): void {
    const { client, commandTimeoutMs, connectTimeoutMs } = this.options;
    const startedAt = elapsed();
    if (this.closed) return;
    if (this.checkingSince !== null) {
      if (startedAt - this.checkingSince > connectTimeoutMs + commandTimeoutMs) {
        this.checkingSince = null;
        client.disconnect(true);
      }
      return;
    }
    this.checkingSince = startedAt;
    checkUsable(client).then(
      () => this.checked(startedAt, elapsed() - startedAt > commandTimeoutMs ? 'answers too slowly' : null),
      (error: unknown) => this.checked(startedAt, messageOf(error)),
    );
  }

  private checked(startedAt: number, refusal: string | null): void {
    // A check of a connection that was given up meanwhile says nothing about the new one.
    if (this.closed || this.checkingSince !== startedAt) return;
    this.checkingSince = null;
    if (refusal !== null) {
      if (this.state === 'lost') this.cause = refusal;
      return;
    }
    this.lastHeard = elapsed();
    this.lastError = '';
    if (this.state === 'ready' || this.options.client.status !== 'ready') return;
    this.state = 'ready';
    this.cause = '';
    this.options.changed('ready', '');
  }
}
