/**
 * The data of the embedded Redis: ioredis-mock, called by command name. Every command runs to its end when it is
 * called, so commands, transactions and our scripts are atomic by nature.
 *
 * ioredis-mock forgets a key whose time is over only when somebody asks for it; the sweep does that here, or
 * buckets of addresses seen once would pile up.
 */
import { newId, now } from '@/platform/time/clock.ts';
import type { ScriptKeyspace } from '../script.ts';
import { OK, unknownCommand } from './resp.ts';

/** What is used of ioredis-mock beyond its commands (version pinned). */
interface MockInternals {
  readonly data: {
    get(key: string): unknown;
    has(key: string): boolean;
    set(key: string, value: string): void;
    delete(key: string): void;
    keys(): string[];
  };
  readonly expires: {
    get(key: string): number | undefined;
    set(key: string, epochMs: number): void;
    has(key: string): boolean;
  };
  disconnect(): void;
  readonly [command: string]: unknown;
}

/** Replies of these are data, also when they happen to read `OK`. */
const DATA_REPLIES = new Set(
  'get getset getdel getex getrange hget lpop rpop lindex lmove rpoplpush spop srandmember eval evalsha'.split(
    ' ',
  ),
);
/** What ioredis-mock has under such a name is about its own connection, which all clients share here. */
const NOT_COMMANDS = new Set(
  (
    'multi exec discard watch unwatch pipeline subscribe unsubscribe psubscribe punsubscribe publish pubsub quit ' +
    'disconnect connect duplicate auth select monitor call script'
  ).split(' '),
);
const SWEEP_EVERY_MS = 1000;
const SWEEP_MOST = 20_000;

export class Keyspace implements ScriptKeyspace {
  /** Keys that end by themselves, oldest first. */
  private readonly mortal = new Set<string>();
  private readonly timer: Timer;

  private constructor(private readonly mock: MockInternals) {
    const { expires } = mock;
    const setExpiry = expires.set;
    expires.set = (key, epochMs) => {
      setExpiry(key, epochMs);
      this.mortal.add(key);
    };
    this.timer = setInterval(() => this.sweep(), SWEEP_EVERY_MS);
    this.timer.unref();
  }

  /** Each has data of its own. */
  static async open(): Promise<Keyspace> {
    // Loaded here alone: it brings a Lua interpreter, which workers have no use for.
    const { default: RedisMock } = await import('ioredis-mock');
    const client = new RedisMock({ host: `embedded-${newId()}` });
    return new Keyspace(client as unknown as MockInternals);
  }

  close(): void {
    clearInterval(this.timer);
    this.mock.disconnect();
  }

  timeMs(): number {
    return now();
  }

  get(key: string): string | null {
    const value = this.mock.data.get(key);
    return typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString() : null;
  }

  set(key: string, value: string, ttlMs: number): void {
    this.mock.data.set(key, value);
    this.mock.expires.set(key, now() + ttlMs);
  }

  /** The number of keys. */
  size(): number {
    return this.mock.data.keys().length;
  }

  /** How many keys in memory end by themselves, those counted whose time is over. */
  get mortals(): number {
    return this.mortal.size;
  }

  /** Runs a command of ioredis-mock. It is carried out before this returns; only the reply comes later. */
  command(name: string, args: readonly string[]): Promise<unknown> {
    const method = this.method(name);
    if (!method) throw unknownCommand(name);
    const reply: unknown = method.apply(this.mock, [...args]);
    return Promise.resolve(reply).then((value) => (value === 'OK' && !DATA_REPLIES.has(name) ? OK : value));
  }

  knows(name: string): boolean {
    return this.method(name) !== null;
  }

  private method(name: string): ((...args: string[]) => unknown) | null {
    if (!Object.hasOwn(this.mock, name) || NOT_COMMANDS.has(name)) return null;
    const method = this.mock[name];
    return typeof method === 'function' ? (method as (...args: string[]) => unknown) : null;
  }

  private sweep(): void {
    const { data, expires } = this.mock;
    let left = Math.min(SWEEP_MOST, this.mortal.size);
    for (const key of this.mortal) {
      if (left-- === 0) return;
      // Asking is what makes ioredis-mock forget.
      if (data.has(key) && expires.has(key)) {
        // To the end of the line, so that a sweep cut short goes on with the others.
        this.mortal.delete(key);
        this.mortal.add(key);
      } else this.mortal.delete(key);
    }
  }
}
