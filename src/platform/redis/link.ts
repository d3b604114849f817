/**
 * A worker's way to Redis, whichever it is: a server, a sentinel's master, a cluster or the embedded one. Redis
 * may go and come back at any moment; nothing here blocks, and whoever calls is told at once when it is away.
 */
import type { RedisTarget } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';
import { createClient, endpointOf, type RedisConfig, spansKeys } from './client.ts';
import { Connection, type LinkState } from './connection.ts';
import type { RedisCommands } from './script.ts';
import { Subscription } from './subscriptions.ts';

export interface RedisLink {
  readonly target: RedisTarget;
  readonly state: LinkState;
  /** Where Redis is, for people and logs. */
  readonly endpoint: string;
  /** Whether one command may touch several keys: not on a cluster. */
  readonly spansKeys: boolean;
  /**
   * Calls Redis; keys get the configured prefix. Throws `RedisLost` at once while Redis is lost, and after
   * `command_timeout_ms` when it does not answer; the command may then have been carried out all the same. `work`
   * waits for nothing but Redis: a late one counts as a Redis that hangs.
   */
  run<T>(work: (client: RedisCommands) => Promise<T>): Promise<T>;
  /** Best effort: a message sent while Redis is lost is lost. */
  publish(channel: string, message: string): void;
  /** Messages of a channel from now on, also after Redis came back; returns the function that stops it. */
  subscribe(channel: string, listener: (message: string) => void): () => void;
  /** Moves over to another Redis. Callers notice nothing; calls under way end on the old one. */
  retarget(target: RedisTarget): Promise<void>;
  /** Told of each change of `state`; returns the function that stops it. */
  onStateChange(listener: (state: LinkState) => void): () => void;
  close(): Promise<void>;
}

interface Options {
  readonly config: RedisConfig;
  readonly target: RedisTarget;
  readonly log: Logger;
  /** The old connections go on listening this long after a move: others move a little later. */
  readonly lingerMs?: number;
}

const LINGER_MS = 3000;

/** Waits for the first connection, but no longer than `connect_timeout_ms`: a link that is lost is of use, too. */
export async function openRedisLink(options: Options): Promise<RedisLink> {
  const link = new Link(options);
  await link.settled();
  return link;
}

class Link implements RedisLink {
  target: RedisTarget;
  private connection: Connection;
  /** Usually one; while a move is under way also the one on the other Redis. */
  private readonly subscriptions = new Set<Subscription>();
  private readonly listeners = new Map<string, Set<(message: string) => void>>();
  private readonly watchers = new Set<(state: LinkState) => void>();
  private readonly retiring = new Set<Promise<void>>();
  private moving: Promise<void> = Promise.resolve();
  private lostAt: number | null = null;
  private closed = false;

  constructor(private readonly options: Options) {
    this.target = options.target;
    this.connection = this.connect(options.target);
  }

  get state(): LinkState {
    return this.connection.state;
  }

  get endpoint(): string {
    return endpointOf(this.options.config, this.target);
  }

  get spansKeys(): boolean {
    return spansKeys(this.options.config, this.target);
  }

  run<T>(work: (client: RedisCommands) => Promise<T>): Promise<T> {
    return this.connection.run(work);
  }

  publish(channel: string, message: string): void {
    this.run((client) => client.publish(this.prefixed(channel), message)).catch(() => undefined);
  }

  subscribe(channel: string, listener: (message: string) => void): () => void {
    const name = this.prefixed(channel);
    const known = this.listeners.get(name);
    const listeners = known ?? new Set();
    listeners.add(listener);
    this.listeners.set(name, listeners);
    if (this.subscriptions.size === 0) this.listen(this.target);
    else if (!known) this.refreshSubscriptions();
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.listeners.get(name) !== listeners) return;
      this.listeners.delete(name);
      this.refreshSubscriptions();
    };
  }

  retarget(target: RedisTarget): Promise<void> {
    this.moving = this.moving.then(() => this.move(target));
    return this.moving;
  }

  onStateChange(listener: (state: LinkState) => void): () => void {
    this.watchers.add(listener);
    return () => void this.watchers.delete(listener);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.moving;
    this.watchers.clear();
    this.connection.close();
    for (const subscription of this.subscriptions) subscription.close();
    await Promise.all(this.retiring);
  }

  /** Until the connection is ready, at most `connect_timeout_ms`. */
  async settled(connection: Connection = this.connection): Promise<void> {
    const until = performance.now() + this.options.config.connect_timeout_ms;
    while (connection.state === 'lost' && performance.now() < until && !this.closed) await Bun.sleep(2);
    if (connection.state === 'lost' && connection === this.connection) this.noteLost(connection.cause);
  }

  private async move(target: RedisTarget): Promise<void> {
    if (this.closed) return;
    const { target: from, connection: old } = this;
    const oldSubscriptions = [...this.subscriptions];
    if (from.mode === target.mode && from.socketPath === target.socketPath) {
      this.target = target;
      return;
    }
    const before = this.state;
    const next = this.connect(target);
    if (oldSubscriptions.length > 0) this.listen(target);
    await this.settled(next);
    this.target = target;
    this.connection = next;
    this.options.log.info('Redis link moved', { mode: target.mode, endpoint: this.endpoint });
    if (before !== next.state) this.changed(next.state, next.cause);
    this.retire(old.retire());
    for (const subscription of oldSubscriptions) this.retire(this.lingering(subscription));
  }

  private async lingering(subscription: Subscription): Promise<void> {
    const until = performance.now() + (this.options.lingerMs ?? LINGER_MS);
    while (performance.now() < until && !this.closed) await Bun.sleep(20);
    subscription.close();
    this.subscriptions.delete(subscription);
  }

  private retire(work: Promise<void>): void {
    const done = work.finally(() => this.retiring.delete(done));
    this.retiring.add(done);
  }

  private prefixed(channel: string): string {
    return this.options.config.key_prefix + channel;
  }

  private connect(target: RedisTarget): Connection {
    const { config } = this.options;
    const connection: Connection = new Connection({
      client: createClient(config, target),
      endpoint: endpointOf(config, target),
      commandTimeoutMs: config.command_timeout_ms,
      connectTimeoutMs: config.connect_timeout_ms,
      changed: (state, cause) => {
        if (connection === this.connection) this.changed(state, cause);
      },
    });
    return connection;
  }

  private refreshSubscriptions(): void {
    for (const subscription of this.subscriptions) subscription.refresh();
  }

  private listen(target: RedisTarget): void {
    const { config } = this.options;
    const subscription = new Subscription({
      client: createClient(config, target),
      channels: () => [...this.listeners.keys()],
      received: (channel, message) => this.received(channel, message),
      silenceMs: config.connect_timeout_ms,
    });
    this.subscriptions.add(subscription);
  }

  private received(channel: string, message: string): void {
    for (const listener of [...(this.listeners.get(channel) ?? [])]) {
      try {
        listener(message);
      } catch (error) {
        this.options.log.error('listener of a Redis channel failed', { channel, error });
      }
    }
  }

  private noteLost(cause: string): void {
    if (this.lostAt !== null) return;
    this.lostAt = performance.now();
    this.options.log.warn('Redis lost, limits go on per worker', { endpoint: this.endpoint, cause });
  }

  private changed(state: LinkState, cause: string): void {
    if (this.closed) return;
    if (state === 'lost') this.noteLost(cause);
    else if (this.lostAt !== null) {
      const lostMs = Math.round(performance.now() - this.lostAt);
      this.lostAt = null;
      this.options.log.info('Redis is back', { endpoint: this.endpoint, lost_ms: lostMs });
    }
    for (const watcher of [...this.watchers]) watcher(state);
  }
}
