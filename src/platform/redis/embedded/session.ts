/**
 * One client's conversation with the embedded Redis: replies leave in the order of the requests, gathered into one
 * write for each turn of the event loop.
 */
import { messageOf } from '@/platform/errors/problem.ts';
import { type Client, commands, type Services } from './commands.ts';
import { encodeReply, OK, ReplyFailure, Status } from './resp.ts';

export interface Wire {
  write(text: string): void;
  end(): void;
}

/** Carried out at once even inside MULTI. */
const NEVER_QUEUED = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);

export class Session implements Client {
  name = '';
  /** Replies in order: text that is ready, or null where one is still awaited. */
  private readonly replies: { text: string | null }[] = [];
  private writing = false;
  private queued: string[][] | null = null;
  private queueBroken = false;

  constructor(
    readonly id: number,
    private readonly services: Services,
    private readonly wire: Wire,
  ) {}

  /** A request as the parser gives it: an array of strings. */
  request(parts: unknown): void {
    if (!Array.isArray(parts) || parts.length === 0 || !parts.every((part) => typeof part === 'string')) {
      this.answer(new ReplyFailure('ERR Protocol error: expected an array of strings'));
      return;
    }
    const [first = '', ...args] = parts as string[];
    const name = first.toLowerCase();
    if (this.queued && !NEVER_QUEUED.has(name)) {
      this.queueBroken ||= !this.services.knows(name);
      this.queued.push([name, ...args]);
      this.answer(new Status('QUEUED'));
      return;
    }
    this.answer(this.perform(name, args));
    if (name === 'quit') {
      this.flush();
      this.wire.end();
    }
  }

  push(message: readonly unknown[]): void {
    this.answer(message);
  }

  closed(): void {
    this.services.channels.removeAll(this);
  }

  private perform(name: string, args: string[]): unknown {
    if (name === 'multi') return this.begin();
    if (name === 'exec') return this.execute();
    if (name === 'discard' || name === 'reset') {
      if (!this.queued && name === 'discard') return new ReplyFailure('ERR DISCARD without MULTI');
      this.queued = null;
      if (name === 'discard') return OK;
      this.services.channels.removeAll(this);
      return new Status('RESET');
    }
    try {
      const own = commands[name];
      return own ? own(args, this.services, this) : this.services.keyspace.command(name, args);
    } catch (error) {
      return error instanceof Error ? error : new Error(messageOf(error));
    }
  }

  private begin(): unknown {
    if (this.queued) return new ReplyFailure('ERR MULTI calls can not be nested');
    this.queued = [];
    this.queueBroken = false;
    return OK;
  }

  /** All commands run before this returns, so nobody comes between them. */
  private execute(): unknown {
    const { queued } = this;
    this.queued = null;
    if (!queued) return new ReplyFailure('ERR EXEC without MULTI');
    if (this.queueBroken)
      return new ReplyFailure('EXECABORT Transaction discarded because of previous errors.');
    const replies = queued.map(([name = '', ...args]) => this.perform(name, args));
    return Promise.all(replies.map((reply) => Promise.resolve(reply).catch((error: unknown) => error)));
  }

  private answer(reply: unknown): void {
    if (reply === undefined) return;
    const slot: { text: string | null } = { text: null };
    this.replies.push(slot);
    if (!(reply instanceof Promise)) {
      slot.text = encodeReply(reply);
      this.later();
      return;
    }
    reply.then(
      (value) => this.fill(slot, value ?? null),
      (error: unknown) => this.fill(slot, error instanceof Error ? error : new Error(messageOf(error))),
    );
  }

  private fill(slot: { text: string | null }, value: unknown): void {
    slot.text = encodeReply(value);
    this.later();
  }

  private later(): void {
    if (this.writing) return;
    this.writing = true;
    queueMicrotask(() => this.flush());
  }

  private flush(): void {
    this.writing = false;
    let text = '';
    while (this.replies[0]?.text != null) text += this.replies.shift()?.text ?? '';
    if (text !== '') this.wire.write(text);
  }
}
