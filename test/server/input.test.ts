/** What a route may declare to take, as clients see it: forms, exact bytes, streams, and caps of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { Type } from '@sinclair/typebox';
import { type Hardened, serveHardened } from '@test/support/hardened.ts';
import { until } from '@test/support/wait.ts';
import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';
import { bodyBytes, bodyStream } from '@/platform/http/body.ts';
import { routeInput } from '@/platform/http/input.ts';
import { largestCap } from '@/platform/http/routes.ts';
import { parseJson } from '@/platform/json/faithful.ts';

const CAP = 1000;
let letGo = Promise.withResolvers<void>();
let taken = 0;

const routes = () =>
  new Elysia()
    .use(accessControl)
    .use(routeInput)
    .post('/form', ({ body }) => body, {
      access: 'authenticated',
      input: { kind: 'form', cap: 20_000 },
      body: Type.Object(
        {
          name: Type.String(),
          age: Type.Optional(Type.Integer()),
          tags: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
        },
        { additionalProperties: Type.Unknown() },
      ),
    })
    .post('/bytes', ({ request }) => Buffer.from(bodyBytes(request)).toString('hex'), {
      access: 'authenticated',
      input: { kind: 'bytes', cap: CAP },
    })
    .post('/parsed', ({ request }) => ({ parsed: parseJson(bodyBytes(request)) }), {
      access: 'authenticated',
      input: { kind: 'bytes', types: ['application/json', 'text/json'] },
    })
    .post('/small', ({ body }) => body, {
      access: 'authenticated',
      input: { kind: 'json', cap: 50 },
      body: Type.Object({ text: Type.String() }),
    })
    .post(
      '/lines',
      async ({ request }) => {
        let size = 0;
        for await (const chunk of bodyStream(request)) size += chunk.byteLength;
        return { size };
      },
      {
        access: 'authenticated',
        input: { kind: 'stream', types: ['text/csv'], cap: 5_000_000, encodings: ['gzip'] },
      },
    )
    .post(
      '/slow',
      async ({ request }) => {
        for await (const chunk of bodyStream(request)) {
          taken += chunk.byteLength;
          await letGo.promise;
        }
        return { taken };
      },
      { access: 'authenticated', input: { kind: 'stream', cap: 500_000_000 } },
    )
    .post('/ignored', () => 'not read', { access: 'authenticated', input: { kind: 'stream' } });

let server: Hardened;
beforeAll(() => {
  server = serveHardened(routes, { rate_limit: { max_requests: 10_000 }, server: { max_body_bytes: 2000 } });
});
afterAll(() => server.stop());

type Body = NonNullable<Parameters<Hardened['call']>[2]>['body'];
const post = (path: string, type: string | null, body?: Body, headers: Record<string, string> = {}) =>
  server.call('POST', path, {
    token: 'operator',
    headers: { ...(type === null ? {} : { 'content-type': type }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
const chunked = (bytes: Uint8Array, size = 700): ReadableStream<Uint8Array> =>
  new ReadableStream({
    async pull(controller) {
      if (bytes.byteLength === 0) return controller.close();
      controller.enqueue(bytes.subarray(0, size));
      bytes = bytes.subarray(size);
    },
  });
const FORM = 'application/x-www-form-urlencoded';

describe('a form', () => {
  test('is read into the schema: texts, lists of what is given more than once, whole numbers', async () => {
    const answer = await post('/form', FORM, 'name=Zo%C3%AB+L&age=42&tags=a&tags=b+c&empty=&bare&&');
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { name: 'Zoë L', age: 42, tags: ['a', 'b c'], empty: '', bare: '' },
    ]);
    expect((await post('/form', `${FORM}; charset=UTF-8`, 'name=a')).status).toBe(200);
  });

  test.each([
    ['a field that the schema lacks in the form', 'age=1', 422],
    ['an age that is no number', 'name=a&age=old', 422],
    ['two of what may be one', 'name=a&name=b', 422],
    ['nothing', undefined, 422],
    ['bytes that are not UTF-8', new Uint8Array([110, 97, 109, 101, 61, 255]), 400],
    ['percent-encoding that is not UTF-8', 'name=%ff', 400],
    ['half of a percent-encoding', 'name=%4', 400],
    ['a NUL', 'name=a%00b', 422],
    ['__proto__', 'name=a&__proto__=b', 422],
    ['1,001 fields', `name=a${'&x=1'.repeat(1000)}`, 413],
    ['more bytes than its cap', `name=${'a'.repeat(20_000)}`, 413],
  ])('refused: %s', async (_what, body, status) => {
    expect((await post('/form', FORM, body)).status).toBe(status);
  });

  test.each(['application/json', 'multipart/form-data; boundary=x', `${FORM}; charset=latin1`])(
    'is not %s: 415 names what is',
    async (type) => {
      const answer = await post('/form', type, 'name=a');
      expect(answer.status).toBe(415);
      if (!type.startsWith(FORM)) expect(answer.headers.get('accept')).toBe(FORM);
    },
  );
});

describe('bytes', () => {
  test('reach the handler as they were sent, whatever they are and say of themselves', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    for (const type of ['application/json', 'application/json; charset=utf-16', 'nonsense', null]) {
      const answer = await post('/bytes', type, bytes);
      expect([answer.status, await answer.text()]).toEqual([200, bytes.toHex()]);
    }
    expect(await (await post('/bytes', 'a/b', chunked(bytes, 100))).text()).toBe(bytes.toHex());
    expect(await (await post('/bytes', null)).text()).toBe('');
  });

  test('are taken up to the cap, announced or streamed', async () => {
    expect((await post('/bytes', 'a/b', new Uint8Array(CAP))).status).toBe(200);
    expect((await post('/bytes', 'a/b', new Uint8Array(CAP + 1))).status).toBe(413);
    expect((await post('/bytes', 'a/b', chunked(new Uint8Array(CAP)))).status).toBe(200);
    expect((await post('/bytes', 'a/b', chunked(new Uint8Array(CAP + 1)))).status).toBe(413);
  });

  test('can be asked for as JSON by the handler, and only of the declared media types', async () => {
    const answer = await post('/parsed', 'text/json', '{"a": 1}');
    expect(await answer.json()).toEqual({ parsed: { a: 1 } });
    expect((await post('/parsed', 'text/json', '{"a": 1')).status).toBe(400);
    const refused = await post('/parsed', 'text/plain', '{}');
    expect([refused.status, refused.headers.get('accept')]).toEqual([415, 'application/json, text/json']);
  });
});

describe('JSON', () => {
  test('may have a cap of its own, below or above the general one', async () => {
    expect((await post('/small', 'application/json', '{"text":"abc"}')).status).toBe(200);
    const refused = await post('/small', 'application/json', JSON.stringify({ text: 'x'.repeat(60) }));
    expect(refused.status).toBe(413);
    expect(((await refused.json()) as { detail: string }).detail).toBe('The body is larger than 50 bytes.');
  });
});

describe('a stream', () => {
  const text = new TextEncoder().encode('one,two,three\n'.repeat(200_000));

  test('is read by the handler, beyond the general cap', async () => {
    const answer = await post('/lines', 'text/csv', text);
    expect([answer.status, await answer.json()]).toEqual([200, { size: text.byteLength }]);
    expect(await (await post('/lines', 'text/csv; charset=utf-8', chunked(text, 60_000))).json()).toEqual({
      size: text.byteLength,
    });
    expect(await (await post('/lines', 'text/csv')).json()).toEqual({ size: 0 });
  });

  test('is 413 beyond its own cap: before reading when announced, else while reading', async () => {
    const large = new Uint8Array(5_000_001);
    expect((await post('/lines', 'text/csv', large)).status).toBe(413);
    expect((await post('/lines', 'text/csv', chunked(large, 100_000))).status).toBe(413);
  });

  test('may come in gzip where that is declared, in several members, within the cap when it is undone', async () => {
    const gzip = { 'content-encoding': 'gzip' };
    const members = Buffer.concat([Bun.gzipSync(text), Bun.gzipSync(text.slice(0, 14))]);
    const answer = await post('/lines', 'text/csv', members, gzip);
    expect(await answer.json()).toEqual({ size: text.byteLength + 14 });
    const bomb = Bun.gzipSync(new Uint8Array(50_000_000));
    expect(bomb.byteLength).toBeLessThan(100_000);
    expect((await post('/lines', 'text/csv', bomb, gzip)).status).toBe(413);
    expect((await post('/lines', 'text/csv', members.subarray(0, -20), gzip)).status).toBe(400);
    expect((await post('/lines', 'text/csv', 'hello', gzip)).status).toBe(400);
    const refused = await post('/bytes', 'text/csv', members.subarray(0, 500), gzip);
    expect([refused.status, refused.headers.get('accept-encoding')]).toEqual([415, 'identity']);
    const other = await post('/lines', 'text/csv', members, { 'content-encoding': 'br' });
    expect([other.status, other.headers.get('accept-encoding')]).toEqual([415, 'gzip, identity']);
  });

  test('comes no faster than it is read', async () => {
    taken = 0;
    letGo = Promise.withResolvers();
    const total = 200_000_000;
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString();
    });
    socket.write(
      `POST /slow HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer operator\r\nContent-Length: ${total}\r\n\r\n`,
    );
    const chunk = Buffer.alloc(1_000_000);
    let written = 0;
    const write = (): void => {
      while (written < total) {
        written += chunk.byteLength;
        if (!socket.write(chunk)) return;
      }
    };
    socket.on('drain', write);
    write();
    await until(() => taken > 0);
    // The sender stands still while the reader does: what is on its way fits into the buffers of the sockets.
    let before = -1;
    await until(() => {
      const still = written === before;
      before = written;
      return still;
    });
    expect(written).toBeLessThan(total / 2);
    letGo.resolve();
    await until(() => answer.includes(`{"taken":${total}}`));
    socket.destroy();
  });

  test('that nobody reads does no harm', async () => {
    const answer = await post('/ignored', 'a/b', new Uint8Array(1500));
    expect([answer.status, await answer.text()]).toEqual([200, 'not read']);
    expect((await post('/bytes', 'a/b', 'x')).status).toBe(200);
  });
});

test('refusals are counted and logged like those of JSON', async () => {
  const counted = async (): Promise<number> => {
    const requests = (await server.metrics.collect()).find(({ name }) => name === 'http_requests_total');
    const samples = requests?.kind === 'counter' ? requests.samples : [];
    return samples
      .filter(({ labels }) => labels.status === '413' && labels.route === '/lines')
      .reduce((sum, { value }) => sum + value, 0);
  };
  const before = await counted();
  const answer = await post('/lines', 'text/csv', chunked(new Uint8Array(5_000_001), 100_000));
  const id = answer.headers.get('x-request-id');
  const line = await until(() => server.lines.find(({ request_id: each }) => each === id));
  expect(line).toMatchObject({ route: '/lines', status: 413 });
  expect(await counted()).toBe(before + 1);
});

test('a stranger learns nothing of what a route takes', async () => {
  for (const path of ['/form', '/bytes', '/lines']) {
    const answer = await server.call('POST', path, {
      body: 'x'.repeat(30_000),
      headers: { 'content-type': 'x/y' },
    });
    expect([answer.status, answer.headers.get('accept')]).toEqual([401, null]);
  }
});

test('the document shows what each route takes', async () => {
  const document = (await (await server.call('GET', '/api/openapi.json')).json()) as {
    paths: Record<string, { post: { requestBody: { content: Record<string, unknown> }; responses: object } }>;
  };
  const types = (path: string) => Object.keys(document.paths[path]?.post.requestBody.content ?? {});
  expect(types('/form')).toEqual([FORM]);
  expect(types('/bytes')).toEqual(['*/*']);
  expect(types('/parsed')).toEqual(['application/json', 'text/json']);
  expect(types('/lines')).toEqual(['text/csv']);
  expect(types('/small')).toEqual(['application/json']);
  expect(document.paths['/form']?.post.requestBody.content[FORM]).toMatchObject({
    schema: { required: ['name'] },
  });
  expect(Object.keys(document.paths['/lines']?.post.responses ?? {})).toContain('413');
});

test('the largest declared cap is known, for the limit of the listener', () => {
  expect(largestCap(routes())).toBe(500_000_000);
  expect(largestCap(new Elysia().get('/', () => ''))).toBe(0);
});
