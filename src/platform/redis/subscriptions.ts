/**
 * The listening side of a link: a connection of its own, because one that listens can do little else. Messages are
 * hints; those sent while the connection is away are lost, and nobody may depend on one.
 */
import type { RedisClient } from './client.ts';

interface Options {
  readonly client: RedisClient;
  /** What to listen to, now. */
  readonly channels: () => readonly string[];
  readonly received: (channel: string, message: string) => void;
  /** A connection that has not answered for this long is made anew. */
  readonly silenceMs: number;
}

const BEAT_MS = 500;

/** Takes its channels up again whenever the connection comes back. */
export class Subscription {
  /** Channels that Redis has confirmed; on a new connection none. */
  private confirmed = new Set<string>();
  private readonly timer: Timer;
  private askedAt: number | null = null;

  constructor(private readonly options: Options) {
    const { client } = options;
    client.on('message', options.received);
    client.on('error', () => undefined);
    client.on('close', () => {
      this.confirmed = new Set();
      this.askedAt = null;
    });
    client.on('ready', () => this.refresh());
    if (client.status === 'ready') this.refresh();
    this.timer = setInterval(() => this.beat(), BEAT_MS);
    this.timer.unref();
  }

  /** Makes Redis send what `channels` says, no more and no less. What fails is tried again at the next beat. */
  refresh(): void {
    const { client, channels } = this.options;
    if (client.status !== 'ready') return;
    const { confirmed } = this;
    const wanted = channels();
    const missing = wanted.filter((name) => !confirmed.has(name));
    const surplus = [...confirmed].filter((name) => !wanted.includes(name));
    for (const name of surplus) confirmed.delete(name);
    if (surplus.length > 0) client.unsubscribe(...surplus).catch(() => undefined);
    if (missing.length === 0) return;
    client.subscribe(...missing).then(
      () => {
        for (const name of missing) confirmed.add(name);
      },
      () => undefined,
    );
  }

  close(): void {
    clearInterval(this.timer);
    this.options.client.disconnect();
  }

  /** A connection that died without a word would listen for ever. */
  private beat(): void {
    const { client, silenceMs } = this.options;
    if (client.status !== 'ready') return;
    this.refresh();
    if (this.askedAt !== null) {
      if (performance.now() - this.askedAt <= silenceMs) return;
      this.askedAt = null;
      client.disconnect(true);
      return;
    }
    this.askedAt = performance.now();
    client.ping().then(
      () => {
        this.askedAt = null;
      },
      () => undefined,
    );
  }
}
