/**
 * An answer that goes on: events of a source as `text/event-stream`, for as long as the client stays, may stay and reads.
 *
 * The source is asked for the next event only when the client has taken the one before, so nothing piles up for a slow
 * client, and one that takes nothing at all is cut off. While there is nothing to send, comments keep the connection alive.
 * The stream ends when the process is about to leave and when the sender's credentials no longer hold; which is asked
 * again and again, without a token of the rate limit. Clients come back with `Last-Event-ID`.
 */
import { monotonic, random } from '@/platform/time/clock.ts';
import { bucketAddress } from './address.ts';
import { contextOf, type RequestContext } from './context.ts';
import { commentOf, frameOf, type StreamEvent } from './event_frame.ts';
import type { EndReason, OpenStreams } from './open_streams.ts';

/** Gives events until `signal` says that nobody wants them any more; it must not wait on after that. */
export type EventSource = (signal: AbortSignal) => AsyncIterable<StreamEvent>;

interface EventStreamOptions {
  /** Pause between two questions whether the sender may still have it. */
  readonly recheckMs?: number;
  /** Longest time for which a client may leave something unread. */
  readonly stallMs?: number;
  /** Silence after which a comment is sent; as configured unless given. */
  readonly heartbeatMs?: number;
}

const RECHECK_MS = 2_000;
const STALL_MS = 30_000;
/** Clients that lose a stream together come back spread over this time. */
const RETRY_MS = { least: 1_000, spread: 2_000 };
/** So long a client that is to hear why its stream ends may take to read on. */
const FAREWELL_MS = 1_000;
/** Questions without an answer (the database is away) after which a stream ends for lack of one. */
const MOST_UNPROVEN = 3;

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  // Proxies of the nginx kind hold answers back otherwise.
  'x-accel-buffering': 'no',
};

const FAREWELLS: Partial<Record<EndReason, string>> = {
  drain: 'this server is about to leave: connect again',
  admission: 'the credentials no longer hold, or allow something else: log in again',
  failed: 'something went wrong on our side: connect again',
};

/** Answers `request` with the events of `source`. Throws 429 or 503 when too many streams are open. */
export function eventStream(
  request: Request,
  source: EventSource,
  options: EventStreamOptions = {},
): Response {
  if (request.method === 'HEAD') return new Response(null, { headers: HEADERS });
  const context = contextOf(request);
  const { streams } = context;
  if (!streams) throw new Error('event stream without a registry of open streams');
  const stream = new EventStream(request, context, streams, source, options);
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => stream.begin(controller),
      pull: () => stream.pull(),
      cancel: () => stream.left(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: HEADERS });
}

const encoder = new TextEncoder();

class EventStream {
  private readonly gone = new AbortController();
  private readonly release: (reason: EndReason) => void;
  private readonly heartbeatMs: number;
  private iterator: AsyncIterator<StreamEvent> | null = null;
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  private reason: EndReason | null = null;
  private finished = false;
  /** What every stream begins with, until it is sent. */
  private greeting: string | null = `retry: ${Math.round(RETRY_MS.least + random() * RETRY_MS.spread)}\n\n`;
  /** What is to be sent next. */
  private ready: string | null = null;
  private asked = false;
  private events = 0;
  private unproven = 0;
  private wake: () => void = () => undefined;
  private heartbeat: Timer | undefined;
  /** Runs while the client has something to take. */
  private stall: Timer | undefined;
  private recheck: Timer | undefined;

  constructor(
    private readonly request: Request,
    private readonly context: RequestContext,
    streams: OpenStreams,
    private readonly source: EventSource,
    private readonly options: EventStreamOptions,
  ) {
    const owner = context.principal?.id ?? bucketAddress(context.address);
    this.release = streams.enter(owner, (reason) => this.end(reason));
    this.heartbeatMs = options.heartbeatMs ?? streams.heartbeatMs;
    if (streams.leaving) this.end('drain');
  }

  begin(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.controller = controller;
    this.request.signal.addEventListener('abort', () => this.left());
    if (this.request.signal.aborted) this.left();
    if (this.reason !== null) return;
    this.recheck = setInterval(() => void this.checkAdmission(), this.options.recheckMs ?? RECHECK_MS);
    this.expectReader();
  }

  /** The client can take more: gives it the next thing there is. */
  async pull(): Promise<void> {
    clearTimeout(this.stall);
    while (!this.finished) {
      if (this.greeting !== null) this.send(this.greeting);
      this.greeting = null;
      if (this.ready !== null && this.reason === null) {
        this.send(this.ready);
        this.ready = null;
        return this.expectReader();
      }
      if (this.reason !== null) {
        const farewell = FAREWELLS[this.reason];
        if (farewell) this.send(commentOf(farewell));
        this.controller?.close();
        return this.finish();
      }
      void this.ask();
      const woken = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.heartbeat = setTimeout(() => {
        this.ready ??= commentOf('still here');
        this.wake();
      }, this.heartbeatMs);
      await woken;
      clearTimeout(this.heartbeat);
    }
  }

  /** The client is gone. */
  left(): void {
    this.end('client');
    this.finish();
  }

  private end(reason: EndReason): void {
    if (this.reason !== null) return;
    this.reason = reason;
    this.gone.abort();
    this.wake();
    clearTimeout(this.stall);
    this.stall = setTimeout(() => this.cut(reason), FAREWELL_MS);
  }

  /** For a client that does not even read why its stream ends. */
  private cut(reason: EndReason): void {
    this.end(reason);
    if (this.finished) return;
    this.controller?.error(new Error('the client does not read'));
    this.finish();
  }

  private finish(): void {
    if (this.finished) return;
    this.finished = true;
    const reason = this.reason ?? 'client';
    for (const timer of [this.heartbeat, this.stall, this.recheck]) clearTimeout(timer);
    this.wake();
    this.iterator?.return?.().catch((error: unknown) => this.report(error));
    this.release(reason);
    this.context.log.info('event stream ended', {
      route: this.context.route,
      reason,
      events: this.events,
      duration_ms: Math.round(monotonic() - this.context.startedAt),
    });
  }

  private send(text: string): void {
    this.controller?.enqueue(encoder.encode(text));
  }

  private expectReader(): void {
    this.stall = setTimeout(() => this.cut('stalled'), this.options.stallMs ?? STALL_MS);
  }

  /** Asks the source for its next event, unless it was asked already. */
  private async ask(): Promise<void> {
    if (this.asked) return;
    this.asked = true;
    try {
      this.iterator ??= this.source(this.gone.signal)[Symbol.asyncIterator]();
      const { done, value } = await this.iterator.next();
      if (done) return this.end('source');
      this.events += 1;
      // A heartbeat may have come in between: it is of no use any more.
      this.ready = frameOf(value);
      this.wake();
    } catch (error) {
      if (this.reason === null) this.report(error);
      this.end('failed');
    } finally {
      this.asked = false;
    }
  }

  private async checkAdmission(): Promise<void> {
    if (this.unproven >= MOST_UNPROVEN) return this.end('admission');
    this.unproven += 1;
    try {
      if ((await this.context.stillAdmitted?.()) === false) return this.end('admission');
      this.unproven = 0;
    } catch (error) {
      this.context.log.warn('admission of an event stream could not be checked', { error });
    }
  }

  private report(error: unknown): void {
    this.context.log.error('event stream failed', { route: this.context.route, error });
  }
}
