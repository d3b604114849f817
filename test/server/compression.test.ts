import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { type Hardened, serveHardened } from '@test/support/hardened.ts';
import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';
import { acceptsGzip } from '@/platform/http/content_coding.ts';
import { etag, isNotModified } from '@/platform/http/etag.ts';

const many = (count: number) => Array.from({ length: count }, (_, index) => ({ index, name: 'Ada' }));
const Many = Type.Array(Type.Object({ index: Type.Integer(), name: Type.String() }));

const routes = () =>
  new Elysia()
    .use(accessControl)
    .get('/few', () => many(3), { access: 'public', response: { 200: Many } })
    .get('/many', () => many(200), { access: 'public', response: { 200: Many } })
    .get('/huge', async () => many(40_000), { access: 'public', response: { 200: Many } })
    .get(
      '/text',
      ({ set }) => {
        set.headers.vary = 'accept';
        set.headers['content-type'] = 'text/plain; version=0.0.4';
        return 'metric 1\n'.repeat(500);
      },
      { access: 'public' },
    )
    .get('/raw', () => new Response('raw '.repeat(1000)), { access: 'public' })
    .get('/broken', () => Promise.reject(new Error('x'.repeat(5000))), { access: 'public' })
    .get(
      '/versioned',
      ({ request, set, status }) => {
        set.headers.etag = etag(3);
        return isNotModified(request, 3) ? status(304, undefined) : many(200);
      },
      { access: 'public', response: { 200: Many, 304: Type.Void() } },
    );

let server: Hardened;
beforeAll(() => {
  server = serveHardened(routes);
});
afterAll(() => server.stop());

/** What stands on the wire, which `fetch` would decode. */
async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: { 'accept-encoding': 'gzip', ...headers },
    decompress: false,
  });
  const body = new Uint8Array(await answer.arrayBuffer());
  const coding = answer.headers.get('content-encoding');
  return {
    status: answer.status,
    coding,
    vary: answer.headers.get('vary'),
    etag: answer.headers.get('etag'),
    type: answer.headers.get('content-type'),
    length: Number(answer.headers.get('content-length')),
    size: body.byteLength,
    text: new TextDecoder().decode(coding === 'gzip' && body.byteLength > 0 ? Bun.gunzipSync(body) : body),
  };
}

describe('a text answer over 1 KB', () => {
  test.each(['/many', '/huge'])(
    '%s is gzip-encoded, with its length, when the client accepts it',
    async (path) => {
      const plain = await ask(path, { 'accept-encoding': 'identity' });
      const zipped = await ask(path);
      expect([plain.status, plain.coding, plain.vary]).toEqual([200, null, 'accept-encoding']);
      expect([zipped.status, zipped.coding, zipped.vary]).toEqual([200, 'gzip', 'accept-encoding']);
      expect(zipped.length).toBe(zipped.size);
      expect(zipped.size).toBeLessThan(plain.size / 4);
      expect(zipped.text).toBe(plain.text);
      expect([zipped.type, plain.type]).toEqual(Array(2).fill('application/json;charset=utf-8'));
    },
  );

  test('may be of another type, and keeps what it varies by', async () => {
    expect(await ask('/text')).toMatchObject({
      coding: 'gzip',
      vary: 'accept, accept-encoding',
      type: 'text/plain; version=0.0.4',
    });
  });

  test('is announced by HEAD as GET would send it', async () => {
    const get = await ask('/many');
    expect(await ask('/many', {}, 'HEAD')).toMatchObject({
      status: 200,
      coding: 'gzip',
      length: get.size,
      size: 0,
    });
    expect(await ask('/many', { 'accept-encoding': '' }, 'HEAD')).toMatchObject({
      status: 200,
      coding: null,
    });
  });
});

test('a small answer, a problem and what a handler wrote as a Response stay as they are', async () => {
  expect(await ask('/few')).toMatchObject({
    status: 200,
    coding: null,
    vary: null,
    type: 'application/json;charset=utf-8',
  });
  expect(await ask('/raw')).toMatchObject({ status: 200, coding: null, size: 4000 });
  for (const [path, status] of [
    ['/broken', 500],
    ['/nothing', 404],
  ] as const) {
    const problem = await ask(path);
    expect([problem.status, problem.coding, problem.type]).toEqual([
      status,
      null,
      'application/problem+json',
    ]);
    expect(JSON.parse(problem.text)).toMatchObject({ status });
  }
});

test('a long problem is encoded too, wherever it was thrown', async () => {
  const long = `/${'a'.repeat(2000)}`;
  const problem = await ask(long);
  expect([problem.status, problem.coding]).toEqual([404, 'gzip']);
  expect(JSON.parse(problem.text)).toMatchObject({ instance: long });
});

describe('an ETag', () => {
  test('differs by encoding, and either is current', async () => {
    expect((await ask('/versioned', { 'accept-encoding': 'identity' })).etag).toBe('"3"');
    expect((await ask('/versioned')).etag).toBe('"3-gzip"');
    for (const tag of ['"3"', '"3-gzip"', 'W/"3-gzip"']) {
      const answer = await ask('/versioned', { 'if-none-match': tag });
      expect([answer.status, answer.etag, answer.vary, answer.coding, answer.size]).toEqual([
        304,
        tag.replace('W/', ''),
        'accept-encoding',
        null,
        0,
      ]);
    }
    expect((await ask('/versioned', { 'if-none-match': '"2-gzip"' })).status).toBe(200);
  });
});

test.each([
  ['gzip, deflate, br, zstd', true],
  ['GZIP;q=0.5', true],
  ['x-gzip', true],
  ['*', true],
  ['br;q=1.0, *;q=0.1', true],
  ['identity;q=0.5, gzip;q=1.0', true],
  ['identity, gzip;q=0.5', false],
  ['gzip;q=0', false],
  ['gzip;q=0, *', false],
  ['gzip;q=0.000', false],
  ['gzip;q=nonsense', false],
  ['*;q=0', false],
  ['br, zstd', false],
  ['identity', false],
  ['', false],
  [null, false],
])('Accept-Encoding %p takes gzip: %p', (header, expected) => expect(acceptsGzip(header)).toBe(expected));
