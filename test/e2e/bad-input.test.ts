/** Whatever is sent, the answer is a problem document that says what is wrong, never 500, and nothing is lost. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { type Answer, type RequestOptions, type RunningServer, startServer } from '@test/support/server.ts';

let server: RunningServer;
let token: string;

beforeAll(async () => {
  server = await startServer({ workers: 2 });
  token = await server.adminToken();
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

const post = (options: RequestOptions) => server.request('POST', '/api/leads', { token, ...options });
const raw = (text: string) => post({ raw: text });

/** Takes away again what was rightly made, so that the count at the end stays right. */
async function remove(answer: Answer): Promise<void> {
  expect(answer.status).toBe(201);
  const { id } = answer.json<{ id: string }>();
  expect((await server.request('DELETE', `/api/leads/${id}`, { token })).status).toBe(204);
}

/** What comes back for these very bytes, which no client would send. */
function rawRequest(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  request_id: string;
  errors?: { in: string; path: string; message: string }[];
}

function expectProblem(answer: Answer, status: number): ProblemBody {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toStartWith('application/problem+json');
  const body = answer.json<ProblemBody>();
  expect(body).toMatchObject({
    status,
    type: expect.any(String),
    title: expect.any(String),
    detail: expect.any(String),
  });
  expect(body.request_id).toBe(answer.headers.get('x-request-id') ?? '');
  expect(answer.text).not.toContain('    at ');
  return body;
}

test.each([
  ['a truncated object', '{"email":"a@example.com"', 400],
  ['no JSON', 'hello', 400],
  ['an empty body', '', 400],
  ['a NUL in the text of the JSON', '{"email":"a@example.com\u0000"}', 400],
])('malformed JSON: %s', async (_name, text, status) => {
  expectProblem(await raw(text), status);
});

test('an unknown field is named', async () => {
  const body = expectProblem(await post({ body: { email: 'a@example.com', favourite_colour: 'blue' } }), 422);
  expect(JSON.stringify(body.errors)).toContain('favourite_colour');
});

test('every wrong field is named, and what was sent is not repeated', async () => {
  const answer = await post({
    body: { email: 'no address', phone: 12, first_name: 'hunter2-secret'.repeat(40) },
  });
  const paths = expectProblem(answer, 422).errors?.map((error) => error.path);
  expect(paths).toContain('/email');
  expect(paths).toContain('/phone');
  expect(paths).toContain('/first_name');
  expect(answer.text).not.toContain('hunter2');
});

test.each([
  ['an escaped NUL', '{"email":"a@example.com","first_name":"a\\u0000b"}'],
  ['a lone surrogate', '{"email":"a@example.com","first_name":"\\ud800"}'],
  ['a lone surrogate as a key', '{"email":"a@example.com","custom_fields":{"\\udc00":1}}'],
  ['a NUL deep inside', '{"email":"a@example.com","custom_fields":{"a":[{"b":"\\u0000"}]}}'],
  [
    '10,000 levels',
    `{"email":"a@example.com","custom_fields":{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`,
  ],
  ['a number beyond all bounds', '{"email":"a@example.com","custom_fields":{"a":1e999}}'],
  ['an address that lower case makes too long', JSON.stringify({ email: `${'İ'.repeat(200)}@example.com` })],
  ['an array where an object belongs', '[]'],
  ['null', 'null'],
])('a body that no store can keep faithfully: %s', async (_name, text) => {
  const { status } = expectProblem(await raw(text), (await raw(text)).status);
  expect([400, 422]).toContain(status);
});

test('a body of 2 MB is too large, announced or streamed', async () => {
  const large = JSON.stringify({ email: 'a@example.com', custom_fields: { text: 'x'.repeat(2_000_000) } });
  expectProblem(await raw(large), 413);
  const chunks = new ReadableStream({
    start(controller) {
      for (let sent = 0; sent < large.length; sent += 65_536) {
        controller.enqueue(new TextEncoder().encode(large.slice(sent, sent + 65_536)));
      }
      controller.close();
    },
  });
  const streamed = await fetch(`${server.url}/api/leads`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: chunks,
  });
  expect(streamed.status).toBe(413);
});

test('another content type is refused, also text that would parse as JSON', async () => {
  const send = (type: string) =>
    post({ raw: '{"email":"a@example.com"}', headers: { 'content-type': type } });
  expectProblem(await send('text/plain'), 415);
  expectProblem(await send('application/xml'), 415);
});

test.each([
  ['application/json', 201],
  ['application/json; charset=utf-8', 201],
  ['Application/JSON;Charset="UTF-8"', 201],
  ['application/json; profile="x"', 201],
  ['application/json; charset=iso-8859-1', 415],
  ['application/json;charset=utf-16', 415],
  ['application/vnd.api+json', 415],
  ['application/jsonp', 415],
])('JSON as %p gives %i', async (type, status) => {
  const answer = await post({
    raw: '{"email":"typed@example.com"}',
    headers: { 'content-type': type },
  });
  if (status === 415) expectProblem(answer, 415);
  else await remove(answer);
});

test('a compressed body is refused as such, not taken for bad JSON', async () => {
  const packed = Bun.gzipSync('{"email":"packed@example.com"}');
  for (const coding of ['gzip', 'br', 'deflate, gzip']) {
    const answer = await post({ raw: packed, headers: { 'content-encoding': coding } });
    expectProblem(answer, 415);
    expect(answer.headers.get('accept-encoding')).toBe('identity');
  }
  await remove(await post({ raw: '{"email":"p@example.com"}', headers: { 'content-encoding': 'identity' } }));
});

test.each([
  ['too long', 'k'.repeat(101)],
  ['empty', ''],
])('the name of a custom field that is %s is refused', async (_name, key) => {
  const answer = await post({ body: { email: 'a@example.com', custom_fields: { [key]: 1 } } });
  expect(expectProblem(answer, 422).errors?.[0]?.message).toBe('This name is not possible');
});

test('what is wrong is said in words, not in regular expressions', async () => {
  const email = expectProblem(await post({ body: { email: 'no address' } }), 422).errors?.[0]?.message;
  expect(email).toBe('Not in the expected form; an example is "ada@example.com"');
  const flag = expectProblem(await server.request('GET', '/api/users?active=perhaps', { token }), 422);
  expect(flag.errors?.[0]?.message).toBe('Expected true or false');
});

test.each(['x', 'ao', 'api', 'h:1'])('the short host name %p does not swallow the path', async (host) => {
  const ask = (path: string) =>
    rawRequest(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  expect(await ask('/health')).toStartWith('HTTP/1.1 200');
  expect(await ask('/aaaa/health')).toStartWith('HTTP/1.1 404');
  expect(await ask('/api/leads')).toStartWith('HTTP/1.1 401');
});

test('a header of 1 MB gets a 4xx and the server lives', async () => {
  const answer = await fetch(`${server.url}/health`, { headers: { 'x-large': 'x'.repeat(1_000_000) } }).catch(
    () => null,
  );
  if (answer) expect(Math.floor(answer.status / 100)).toBe(4);
  expect((await server.request('GET', '/health')).status).toBe(200);
});

test('an unknown path is 404, a wrong method 405 with Allow', async () => {
  expectProblem(await server.request('GET', '/api/nothing', { token }), 404);
  const wrong = await server.request('PATCH', '/api/leads', { token, body: {} });
  expectProblem(wrong, 405);
  expect(wrong.headers.get('allow')?.split(/, */).toSorted()).toEqual(['GET', 'HEAD', 'POST']);
});

test.each([
  ['/api/leads?limit=0', 422],
  ['/api/leads?limit=abc', 422],
  ['/api/leads?skip=-1', 422],
  ['/api/leads?unknown=1', 422],
  ['/api/leads/not-a-uuid', 422],
  ['/api/leads/01890000-0000-7000-8000-000000000000', 404],
  ['/api/leads?email=%00', 422],
  ['/api/leads?email=%ff%fe', 422],
  ['/api/leads?source=%zz', 422],
  ['/api/leads?limit=1&limit=2', 422],
  ['/api/leads?source=a&email=b&source=c', 422],
  ['/api/leads?source=a%26b&email=ada%40example.com', 200],
  ['/api/leads?created_after=yesterday', 422],
  ['/api/leads?created_after=2026-02-30T00:00:00Z', 422],
  ['/api/admin/audit/events?from=2026-02-30T00:00:00Z', 422],
])('GET %s gives %i', async (path, status) => {
  const answer = await server.request('GET', path, { token });
  if (status >= 400) expectProblem(answer, status);
  else expect(answer.status).toBe(status);
});

test('a stranger learns nothing of bodies: 401 comes before 400, 415 and 422', async () => {
  for (const options of [
    { raw: '{bad' },
    { body: { no: 1 } },
    { raw: 'x', headers: { 'content-type': 'text/plain' } },
  ]) {
    expectProblem(await server.request('POST', '/api/leads', options), 401);
  }
});

test('none of all this was stored, and nothing counts as a server error', async () => {
  const page = (await server.request('GET', '/api/leads', { token })).json<{ total: number }>();
  expect(page.total).toBe(0);
  const text = await server.request('GET', '/metrics', { headers: { accept: 'text/plain' } });
  expect(text.text).not.toMatch(/http_requests_total\{[^}]*status="500"[^}]*\} [1-9]/);
});
