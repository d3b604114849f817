/** Event streams as clients see them, on a real socket and through the real listener. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { type Hardened, serveHardened } from '@test/support/hardened.ts';
import { until } from '@test/support/wait.ts';
import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';
import { lastEventId, type StreamEvent } from '@/platform/http/event_frame.ts';
import { type EventSource, eventStream } from '@/platform/http/event_stream.ts';

/** A source that gives what a test puts in, and notes what becomes of it. */
class Feed {
  private readonly waiting: StreamEvent[] = [];
  private more = Promise.withResolvers<void>();
  signal: AbortSignal | null = null;
  ended = false;

  put(data: string, id?: string): void {
    this.waiting.push(id === undefined ? { data } : { id, event: 'lead', data });
    this.more.resolve();
  }

  readonly source: EventSource = (signal) => this.events(signal);

  private async *events(signal: AbortSignal): AsyncGenerator<StreamEvent> {
    this.signal = signal;
    signal.addEventListener('abort', () => this.more.resolve());
    try {
      while (!signal.aborted) {
        const event = this.waiting.shift();
        if (event) yield event;
        else await this.more.promise;
        if (this.waiting.length === 0 && !signal.aborted) this.more = Promise.withResolvers();
      }
    } finally {
      this.ended = true;
    }
  }
}

let feed: Feed;
let flooded = 0;
const LARGE = 'x'.repeat(100_000);

async function* flood(): AsyncGenerator<StreamEvent> {
  for (;;) {
    flooded += 1;
    yield { data: LARGE };
  }
}
async function* three(): AsyncGenerator<StreamEvent> {
  for (const data of ['a', 'b', 'c']) yield { data };
}
async function* broken(): AsyncGenerator<StreamEvent> {
  yield { data: 'a' };
  throw new Error('the password is hunter2');
}

const QUICK = { recheckMs: 20, heartbeatMs: 30 };
const routes = () =>
  new Elysia()
    .use(accessControl)
    .get('/events', ({ request }) => eventStream(request, feed.source), { access: 'leads:read' })
    .get('/quick', ({ request }) => eventStream(request, feed.source, QUICK), { access: 'leads:write' })
    .get('/open', ({ request }) => eventStream(request, feed.source, QUICK), { access: 'public' })
    .get('/flood', ({ request }) => eventStream(request, flood, { stallMs: 300 }), { access: 'leads:read' })
    .get('/three', ({ request }) => eventStream(request, three), { access: 'leads:read' })
    .get('/broken', ({ request }) => eventStream(request, broken), { access: 'leads:read' })
    .get(
      '/echo',
      ({ request }) => {
        const id = lastEventId(request);
        return eventStream(request, async function* () {
          yield { data: String(id) };
        });
      },
      { access: 'leads:read' },
    );

let server: Hardened;
beforeEach(() => {
  feed = new Feed();
  server = serveHardened(routes, {
    rate_limit: { max_requests: 100, window_seconds: 60 },
    server: { max_event_streams: 3, max_event_streams_per_user: 2 },
  });
});
afterEach(() => server.stop());

/** Collects what a stream brings; `done` once it has ended. */
async function open(path: string, token = 'viewer', headers: Record<string, string> = {}) {
  const response = await server.call('GET', path, { token, headers });
  const reader = response.body?.getReader();
  const state = { response, text: '', done: false, close: () => reader?.cancel() };
  const decoder = new TextDecoder();
  void (async () => {
    try {
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true };
        if (done) break;
        state.text += decoder.decode(value, { stream: true });
      }
    } finally {
      state.done = true;
    }
  })().catch(() => undefined);
  return state;
}

async function figure(name: string, labels: Record<string, string> = {}): Promise<number> {
  const family = (await server.metrics.collect()).find((each) => each.name === name);
  const samples = family?.kind === 'histogram' ? [] : (family?.samples ?? []);
  return samples.find((sample) => Bun.deepEquals(sample.labels, labels))?.value ?? 0;
}
const openNow = () => figure('ao_event_streams');
const endedFor = (reason: string) => figure('ao_event_streams_ended_total', { reason });

describe('an event stream', () => {
  test('brings events as they come, framed, in an answer that nobody caches or holds back', async () => {
    const stream = await open('/events');
    expect(stream.response.status).toBe(200);
    expect(Object.fromEntries(stream.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      ratelimit: expect.any(String),
    });
    await until(() => /^retry: [12]\d{3}\n\n$/.test(stream.text));
    feed.put('{"a":1}', '7');
    await until(() => stream.text.endsWith('\n\nid: 7\nevent: lead\ndata: {"a":1}\n\n'));
    feed.put('two\nlines');
    await until(() => stream.text.endsWith('\n\ndata: two\ndata: lines\n\n'));
    expect(stream.done).toBe(false);
    await stream.close();
  });

  test('ends when its source does', async () => {
    const text = await (await server.call('GET', '/three', { token: 'viewer' })).text();
    expect(text).toMatch(/^retry: \d+\n\ndata: a\n\ndata: b\n\ndata: c\n\n$/);
    await until(async () => (await endedFor('source')) === 1);
  });

  test('shows that it lives while there is nothing to say', async () => {
    const stream = await open('/quick', 'operator');
    await until(() => stream.text.split(': still here\n\n').length > 3);
    feed.put('late');
    await until(() => stream.text.includes('data: late\n\n'));
    await stream.close();
  });

  test('lets its source go when the client leaves', async () => {
    const stream = await open('/events');
    feed.put('a');
    await until(() => stream.text.includes('data: a'));
    expect(await openNow()).toBe(1);
    await stream.close();
    await until(() => feed.signal?.aborted && feed.ended);
    await until(async () => (await openNow()) === 0);
    expect(await endedFor('client')).toBe(1);
    const line = server.lines.find(({ msg }) => msg === 'event stream ended');
    expect(line).toMatchObject({ route: '/events', reason: 'client', events: 1 });
  });

  test('goes on where the client says, and refuses what can be no id', async () => {
    const from = async (id: string) =>
      server.call('GET', '/echo', { token: 'viewer', headers: { 'last-event-id': id } });
    expect(await (await from('42')).text()).toContain('data: 42\n\n');
    expect((await from('a b')).status).toBe(422);
  });

  test('of a source that fails ends without saying why, and the log says it', async () => {
    const text = await (await server.call('GET', '/broken', { token: 'viewer' })).text();
    expect(text).toEndWith('data: a\n\n: something went wrong on our side: connect again\n\n');
    expect(server.lines.find(({ msg }) => msg === 'event stream failed')).toMatchObject({ level: 'error' });
    await until(async () => (await endedFor('failed')) === 1);
  });

  test('is not opened by HEAD', async () => {
    const answer = await server.call('HEAD', '/events', { token: 'viewer' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect([await openNow(), feed.signal]).toEqual([0, null]);
  });
});

describe('how many there may be', () => {
  test('a user has a limit of their own, and gets a place back when a stream ends', async () => {
    const streams = [await open('/events'), await open('/events')];
    const refused = await server.call('GET', '/events', { token: 'viewer' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    expect(refused.headers.get('ratelimit-policy')).toBe('"event-streams";q=2;qu="concurrent-requests"');
    await streams[0]?.close();
    await until(async () => (await openNow()) === 1);
    const third = await open('/events');
    expect(third.response.status).toBe(200);
    await Promise.all([streams[1]?.close(), third.close()]);
  });

  test('the process has one too', async () => {
    const streams = [await open('/events'), await open('/events'), await open('/events', 'operator')];
    const refused = await server.call('GET', '/events', { token: 'admin' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    await Promise.all(streams.map((stream) => stream.close()));
  });
});

describe('a stream is for those who would still be admitted', () => {
  const checks = async (change: () => void): Promise<void> => {
    const stream = await open('/quick', 'operator');
    const other = await open('/quick', 'admin');
    // Some checks have gone well, and none of them has taken a token.
    await until(() => stream.text.includes(': still here') && other.text.includes(': still here'));
    change();
    await until(() => stream.done);
    expect(stream.text).toEndWith(
      ': the credentials no longer hold, or allow something else: log in again\n\n',
    );
    expect(other.done).toBe(false);
    expect(server.taken).toEqual(['user:id-of-operator', 'user:id-of-admin']);
    expect(await endedFor('admission')).toBe(1);
    await other.close();
  };

  test('a revoked token ends it', () => checks(() => server.principals.delete('operator')));

  test('another role ends it, with more rights or fewer', () =>
    checks(() => {
      const operator = server.principals.get('operator');
      if (operator) server.principals.set('operator', { ...operator, role: 'admin' });
    }));

  test('it ends when that cannot be found out for long', async () => {
    const stream = await open('/quick', 'operator');
    server.principals.get = () => {
      throw new Error('the database is away');
    };
    await until(() => stream.done);
    expect(await endedFor('admission')).toBe(1);
    const warnings = server.lines.filter(
      ({ msg }) => msg === 'admission of an event stream could not be checked',
    );
    expect(warnings.length).toBe(3);
  });

  test('a stream that is open to everybody goes on', async () => {
    const stream = await open('/open', 'operator');
    server.principals.clear();
    await until(() => stream.text.split(': still here').length > 4);
    expect(stream.done).toBe(false);
    await stream.close();
  });
});

describe('a client that does not read', () => {
  test('is sent no more than fits on the way, and is cut off', async () => {
    flooded = 0;
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET /flood HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer viewer\r\n\r\n');
    await until(async () => (await endedFor('stalled')) === 1);
    // 20 MB would be far more than sockets buffer.
    expect(flooded).toBeLessThan(200);
    expect(await openNow()).toBe(0);
    await until(() => server.lines.some(({ reason }) => reason === 'stalled'));
    // The connection is closed, not left to time out.
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.resume();
    await closed;
  });
});

describe('when the process leaves', () => {
  test('all streams end at once with a word of it, and the drain waits for none', async () => {
    const streams = [await open('/events'), await open('/events', 'operator')];
    await until(() => streams.every(({ text }) => text.startsWith('retry:')));
    const drained = server.listener.drain({ drainMs: 400, graceMs: 20_000 });
    await until(() => streams.every(({ done }) => done));
    for (const { text } of streams)
      expect(text).toEndWith(': this server is about to leave: connect again\n\n');
    // A browser that met a refusal would not come back: newcomers are sent on instead.
    const late = await server.call('GET', '/events', { token: 'admin' });
    expect([late.status, late.headers.get('connection')]).toEqual([200, 'close']);
    expect((await late.text()).replace(/^retry: \d+\n\n/, '')).toBe(
      ': this server is about to leave: connect again\n\n',
    );
    expect(await drained).toBe(0);
    expect([await endedFor('drain'), await openNow()]).toEqual([3, 0]);
    expect(feed.signal?.aborted).toBe(true);
  });
});

describe('figures', () => {
  test('an open stream is a request that was answered: its length is no duration of one', async () => {
    const durations = async () => {
      const family = (await server.metrics.collect()).find(
        ({ name }) => name === 'http_request_duration_seconds',
      );
      const samples = family?.kind === 'histogram' ? family.samples : [];
      return samples.find(({ labels }) => labels.route === '/events');
    };
    const stream = await open('/events');
    await until(async () => (await durations())?.count === 1);
    expect(await figure('http_requests_in_flight')).toBe(0);
    const before = await durations();
    await stream.close();
    await until(async () => (await openNow()) === 0);
    expect(await durations()).toEqual(before);
  });
});
