import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { type Hardened, serveHardened } from '@test/support/hardened.ts';
import { until } from '@test/support/wait.ts';
import { Elysia } from 'elysia';
import { TooManyRequests } from '@/platform/errors/problem.ts';
import { accessControl } from '@/platform/http/access.ts';
import { contextOf, principalOf } from '@/platform/http/context.ts';

const Thing = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 3 })),
    age: Type.Optional(Type.Integer()),
    email: Type.Optional(Type.Union([Type.String({ format: 'email' }), Type.Null()])),
    kind: Type.Optional(Type.Union([Type.Literal('a'), Type.Literal('b')])),
    any: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { additionalProperties: false },
);

const routes = () =>
  new Elysia()
    .use(accessControl)
    .get('/open', ({ request }) => ({ address: contextOf(request).address }), { access: 'public' })
    .get('/things', ({ query }) => query, {
      access: 'leads:read',
      query: Type.Object({ skip: Type.Integer({ default: 0, minimum: 0 }) }, { additionalProperties: false }),
    })
    .get('/things/:number', ({ params }) => params, {
      access: 'leads:read',
      params: Type.Object({ number: Type.Integer() }),
    })
    .post(
      '/things',
      ({ body, set }) => {
        set.status = 201;
        return body;
      },
      { access: 'leads:write', body: Thing },
    )
    .post('/touch', ({ request }) => ({ by: principalOf(request).username }), { access: 'authenticated' })
    .get('/undeclared', () => ({ secret: true }))
    .get(
      '/bug',
      () => {
        throw new Error('the password is hunter2');
      },
      { access: 'public' },
    )
    .get('/promise', () => Promise.reject(new Error('later')), { access: 'public' })
    .get('/lie', () => ({ a: 'ada@example.com' }) as never, {
      access: 'public',
      response: { 200: Type.Object({ a: Type.Number() }) },
    })
    .get(
      '/busy',
      () => {
        throw new TooManyRequests('Slower.', 8, { name: 'login-user', field: '"login-user";q=10;w=300' });
      },
      { access: 'public' },
    )
    .get('/raw', () => new Response('text', { status: 203 }), { access: 'public' });

let server: Hardened;
beforeAll(() => {
  server = serveHardened(routes, {
    rate_limit: { max_requests: 1000, window_seconds: 60 },
    server: { max_body_bytes: 10_000 },
  });
});
afterAll(() => server.stop());

interface ProblemBody {
  [key: string]: unknown;
  detail: string;
  request_id: string;
  errors: { in: string; path: string; message: string }[];
}

async function expectProblem(answer: Promise<Response>, status: number): Promise<ProblemBody> {
  const response = await answer;
  const text = await response.text();
  expect([response.status, text]).toEqual([status, expect.any(String)]);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const body = JSON.parse(text) as ProblemBody;
  expect(body.status).toBe(status);
  expect(body.request_id).toBe(response.headers.get('x-request-id') ?? '');
  return body;
}

describe('who may come in', () => {
  test.each([
    ['nobody', {}, 401],
    ['a bad token', { token: 'garbled' }, 401],
    ['a bad key', { apiKey: 'garbled' }, 401],
    ['a viewer', { token: 'viewer' }, 403],
    ['an operator', { token: 'operator' }, 201],
    ['an operator by key', { apiKey: 'operator' }, 201],
    ['an admin', { token: 'admin' }, 201],
  ])('%s at a route for writers', async (_who, credentials, status) => {
    expect((await server.call('POST', '/things', { ...credentials, json: { name: 'abc' } })).status).toBe(
      status,
    );
  });

  test('401 says how to come in', async () => {
    const response = await server.call('GET', '/things');
    expect(response.headers.get('www-authenticate')).toStartWith('Bearer realm=');
  });

  test('a stranger learns nothing of bodies: 401 comes before 400, 413, 415 and 422', async () => {
    for (const options of [
      { body: '{bad' },
      { json: { no: 1 } },
      { body: 'x'.repeat(20_000) },
      { body: 'x', headers: { 'content-type': 'text/plain' } },
    ]) {
      await expectProblem(server.call('POST', '/things', options), 401);
    }
  });

  test('a route that says nothing is for admins', async () => {
    await expectProblem(server.call('GET', '/undeclared'), 401);
    await expectProblem(server.call('GET', '/undeclared', { token: 'operator' }), 403);
    expect((await server.call('GET', '/undeclared', { token: 'admin' })).status).toBe(200);
  });

  test('HEAD asks for the same as GET', async () => {
    expect((await server.call('HEAD', '/things')).status).toBe(401);
    const response = await server.call('HEAD', '/things', { token: 'viewer' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test('a refusal for lack of rights is audited, other refusals are not', async () => {
    server.audited.length = 0;
    await server.call('POST', '/things', { token: 'viewer', json: {} });
    await server.call('GET', '/things');
    expect(server.audited).toMatchObject([
      {
        actor: { type: 'user', id: 'id-of-viewer', name: 'viewer', address: '127.0.0.1' },
        action: 'access.denied',
        target: { type: 'route', id: 'POST /things' },
        outcome: 'denied',
      },
    ]);
  });

  test('without authentication everybody is an operator and nobody an admin', async () => {
    const open = serveHardened(routes, { auth: { enabled: false } });
    try {
      expect((await open.call('POST', '/things', { json: {} })).status).toBe(201);
      expect((await open.call('POST', '/things', { json: {}, token: 'garbled' })).status).toBe(201);
      expect((await open.call('GET', '/undeclared', { token: 'admin' })).status).toBe(403);
      expect(new Set(open.taken)).toEqual(new Set(['address:127.0.0.1']));
    } finally {
      await open.stop();
    }
  });
});

describe('limits', () => {
  const limited = async (
    overrides: Parameters<typeof serveHardened>[1],
    use: (server: Hardened) => Promise<void>,
  ) => {
    const one = serveHardened(routes, overrides);
    try {
      await use(one);
    } finally {
      await one.stop();
    }
  };

  test('the fields say what is left, and 429 says when to come back', () =>
    limited({ rate_limit: { max_requests: 2, window_seconds: 60 } }, async (one) => {
      const first = await one.call('GET', '/things', { token: 'viewer' });
      expect(first.headers.get('ratelimit-policy')).toBe('"default";q=2;w=60');
      expect(first.headers.get('ratelimit')).toBe('"default";r=1;t=30');
      await one.call('GET', '/things', { apiKey: 'viewer' });
      const refused = one.call('GET', '/things', { token: 'viewer' });
      const body = await expectProblem(refused, 429);
      expect(body.type).toBe('https://iana.org/assignments/http-problem-types#quota-exceeded');
      expect(body['violated-policies']).toEqual(['default']);
      expect((await refused).headers.get('retry-after')).toBe('2');
      expect((await refused).headers.get('ratelimit')).toBe('"default";r=0;t=2');
      expect((await one.call('GET', '/things', { token: 'operator' })).status).toBe(200);
      expect(new Set(one.taken)).toEqual(new Set(['user:id-of-viewer', 'user:id-of-operator']));
    }));

  test('callers without valid credentials share the bucket of their address', () =>
    limited({ rate_limit: { max_requests: 2, window_seconds: 60 } }, async (one) => {
      await expectProblem(one.call('GET', '/things'), 401);
      await expectProblem(one.call('GET', '/things', { token: 'garbled' }), 401);
      await expectProblem(one.call('GET', '/things'), 429);
      expect((await one.call('GET', '/open')).status).toBe(200);
      expect((await one.call('GET', '/things', { token: 'viewer' })).status).toBe(200);
    }));

  test('one request costs one token, whatever it does', () =>
    limited({}, async (one) => {
      await one.call('POST', '/things', { token: 'operator', json: {} });
      await one.call('POST', '/things', { token: 'viewer', json: {} });
      await one.call('POST', '/things', { token: 'admin', body: '{' });
      expect(one.taken).toEqual(['user:id-of-operator', 'user:id-of-viewer', 'user:id-of-admin']);
    }));

  test('a route may be named as in the API document', () =>
    limited(
      {
        rate_limit: {
          routes: {
            'GET /things/{number}': { max_requests: 3, window_seconds: 1 },
          },
        },
      },
      async (one) => {
        const answer = await one.call('GET', '/things/7', { token: 'admin' });
        expect(answer.headers.get('ratelimit-policy')).toBe('"GET /things/{number}";q=3;w=1');
      },
    ));

  test('a role and a route can have limits of their own, and a reload applies at once', () =>
    limited(
      {
        rate_limit: {
          roles: { admin: { max_requests: 500, window_seconds: 10 } },
          routes: { 'GET /things/:number': { max_requests: 3, window_seconds: 1 } },
        },
      },
      async (one) => {
        const policy = async (path: string, token: string) =>
          (await one.call('GET', path, { token })).headers.get('ratelimit-policy');
        expect(await policy('/things', 'viewer')).toBe('"default";q=120;w=60');
        expect(await policy('/things', 'admin')).toBe('"admin";q=500;w=10');
        expect(await policy('/things/7', 'admin')).toBe('"GET /things/:number";q=3;w=1');
        expect(one.taken.at(-1)).toBe('user:id-of-admin:GET /things/:number');
        one.config.current = {
          ...one.config.current,
          rate_limit: { enabled: true, max_requests: 7, window_seconds: 7, roles: {}, routes: {} },
        };
        expect(await policy('/things', 'admin')).toBe('"default";q=7;w=7');
        one.config.current = {
          ...one.config.current,
          rate_limit: { ...one.config.current.rate_limit, enabled: false },
        };
        expect(await policy('/things', 'admin')).toBeNull();
      },
    ));
});

describe('input', () => {
  const post = (options: Parameters<Hardened['call']>[2]) =>
    server.call('POST', '/things', { token: 'operator', ...options });

  test('every wrong field is named in words, and what was sent is not repeated', async () => {
    const body = await expectProblem(
      post({ json: { name: 'x', age: 1.5, email: 'secret-nonsense', kind: 'c', colour: 'blue' } }),
      422,
    );
    expect(body.errors).toEqual(
      expect.arrayContaining([
        { in: 'body', path: '/name', message: 'Expected string length greater or equal to 3' },
        { in: 'body', path: '/age', message: 'Expected integer' },
        { in: 'body', path: '/email', message: 'Not a valid email' },
        { in: 'body', path: '/kind', message: 'Expected one of: a, b' },
        { in: 'body', path: '/colour', message: 'Unknown field' },
      ]),
    );
    expect(JSON.stringify(body)).not.toContain('secret-nonsense');
    expect(body.detail).toContain('and 2 more');
  });

  test.each([
    ['a truncated object', '{"name":"abc"', 400],
    ['no JSON', 'hello', 400],
    ['an empty body', '', 400],
    ['a NUL in the JSON text', '{"name":"ab\u0000c"}', 400],
    ['bytes that are no UTF-8', new Uint8Array([123, 34, 255, 34, 58, 49, 125]), 400],
    ['an escaped NUL', '{"name":"ab\\u0000c"}', 422],
    ['half a surrogate pair', '{"name":"abc\\ud800"}', 422],
    ['half a surrogate pair as a key', '{"any":{"\\udc00":1}}', 422],
    ['__proto__', '{"any":{"__proto__":{"admin":true}}}', 422],
    ['a number beyond all bounds', '{"any":{"a":1e999}}', 422],
    ['a whole number that would be rounded', '{"any":{"a":[12345678901234567890]}}', 422],
    ['4,000 levels', `{"any":{"a":${'['.repeat(4000)}${']'.repeat(4000)}}}`, 422],
    ['an array where an object belongs', '[]', 422],
    ['null', 'null', 422],
  ])('refused: %s', async (_what, body, status) => {
    await expectProblem(post({ body }), status);
  });

  test('a body that can be kept is taken as it is', async () => {
    const sent = { name: 'Zoë 🙂', age: -3, any: { a: [1.5, null, { b: 'ü' }] } };
    const response = await post({ json: sent });
    expect([response.status, await response.json()]).toEqual([201, sent]);
    const charset = await post({ json: {}, headers: { 'content-type': 'application/json; charset=utf-8' } });
    expect(charset.status).toBe(201);
  });

  test('too large is 413, announced or streamed', async () => {
    const large = JSON.stringify({ any: { text: 'x'.repeat(20_000) } });
    await expectProblem(post({ body: large }), 413);
    const stream = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (let at = 0; at < large.length; at += 4096) {
          controller.enqueue(new TextEncoder().encode(large.slice(at, at + 4096)));
          await Bun.sleep(1);
        }
        controller.close();
      },
    });
    await expectProblem(post({ body: stream }), 413);
  });

  test.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '',
  ])('content type %p is 415, also for text that would parse as JSON', async (type) => {
    await expectProblem(
      post({ body: new TextEncoder().encode('{"name":"abc"}'), headers: { 'content-type': type } }),
      415,
    );
  });

  test('a route without a body does not mind one, or a content type without one', async () => {
    for (const options of [{}, { body: 'whatever' }, { headers: { 'content-type': 'application/json' } }]) {
      const response = await server.call('POST', '/touch', { token: 'viewer', ...options });
      expect([response.status, await response.json()]).toEqual([200, { by: 'viewer' }]);
    }
  });

  test('whole numbers in addresses are numbers', async () => {
    const get = (path: string) => server.call('GET', path, { token: 'viewer' });
    expect(await (await get('/things?skip=3')).json()).toEqual({ skip: 3 });
    expect(await (await get('/things')).json()).toEqual({ skip: 0 });
    expect(await (await get('/things/12')).json()).toEqual({ number: 12 });
    for (const path of [
      '/things?skip=x',
      '/things?skip=-1',
      '/things?skip=1.5',
      '/things?other=1',
      '/things/x',
      '/things?skip=%00',
      '/things?skip=%ff',
      '/things?skip=1&skip=1',
      '/things?skip=1&%73kip=2',
      '/things/%00',
      '/things/%zz',
    ]) {
      await expectProblem(get(path), 422);
    }
  });
});

describe('errors', () => {
  test('an unknown path is 404, a wrong method 405 with what is possible', async () => {
    const missing = await expectProblem(server.call('GET', '/nothing?q=1'), 404);
    expect(missing.instance).toBe('/nothing');
    const wrong = server.call('DELETE', '/things');
    await expectProblem(wrong, 405);
    expect((await wrong).headers.get('allow')).toBe('GET, HEAD, POST');
    await expectProblem(server.call('OPTIONS', '/things/7'), 405);
  });

  test.each(['/bug', '/promise', '/lie'])(
    '%s is a bug: 500 with nothing of it but the request id',
    async (path) => {
      server.lines.length = 0;
      const body = await expectProblem(server.call('GET', path), 500);
      expect(Object.keys(body).sort()).toEqual([
        'detail',
        'instance',
        'request_id',
        'status',
        'title',
        'type',
      ]);
      expect(JSON.stringify(body)).not.toMatch(/hunter2|later|example| at /);
      const line = server.lines.find(({ msg }) => msg === 'request failed');
      expect(line).toMatchObject({ level: 'error', request_id: body.request_id, route: path });
      expect(JSON.stringify(line)).toContain('stack');
      // What is in an answer may be anybody's personal data or a token.
      expect(JSON.stringify(line)).not.toContain('ada@example.com');
    },
  );

  test('fields of a problem reach the client', async () => {
    const response = server.call('GET', '/busy');
    const body = await expectProblem(response, 429);
    expect((await response).headers.get('retry-after')).toBe('8');
    expect(body['violated-policies']).toEqual(['login-user']);
  });

  test('a header of 1 MB gets a 4xx or a closed connection, and the server lives', async () => {
    const response = await server
      .call('GET', '/open', { headers: { 'x-large': 'x'.repeat(1_000_000) } })
      .catch(() => null);
    if (response) expect(Math.floor(response.status / 100)).toBe(4);
    expect((await server.call('GET', '/open')).status).toBe(200);
  });
});

describe('every answer', () => {
  test('bears a request id: a harmless one of the client, else a new one', async () => {
    const idFor = async (given: string) =>
      (await server.call('GET', '/open', { headers: { 'x-request-id': given } })).headers.get('x-request-id');
    expect(await idFor('trace-1:a/b=')).toBe('trace-1:a/b=');
    for (const bad of ['a b', '"x"', 'x'.repeat(200), '{}', 'a,b', 'a;b'])
      expect(await idFor(bad)).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('bears the security fields, refusals and raw answers too', async () => {
    for (const path of ['/open', '/nothing', '/bug', '/raw', '/things']) {
      const { headers } = await server.call('GET', path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });

  test('is counted in series that exist from the start with zero, for every success its route declares', async () => {
    const body = Type.Object({});
    const fresh = serveHardened(() =>
      new Elysia()
        .use(accessControl)
        .get('/plain', () => ({}), { access: 'public' })
        .post('/made', () => ({}), { access: 'public', response: { 201: body, 422: body } })
        .get('/either', () => ({}), { access: 'public', response: { 200: body, 304: body, 503: body } })
        .get('/one', () => ({}), { access: 'public', response: body }),
    );
    try {
      const families = await fresh.metrics.collect();
      const seriesOf = (name: string) =>
        (families.find((family) => family.name === name)?.samples ?? [])
          .map(({ labels: { method, route, status = '' } }) => `${method} ${route} ${status}`.trim())
          .filter((series) => !/^GET \/(api\/| |$)/.test(series))
          .sort();
      const answers = ['GET /either 200', 'GET /either 304', 'GET /one 200', 'GET /plain 200'];
      expect(seriesOf('http_requests_total')).toEqual([...answers, 'GET unmatched 404', 'POST /made 201']);
      expect(seriesOf('http_request_duration_seconds')).toEqual(
        ['GET /either', 'GET /one', 'GET /plain', 'GET unmatched', 'POST /made'].sort(),
      );
    } finally {
      await fresh.stop();
    }
  });

  test('is counted by route pattern and status, and logged, once', async () => {
    const counted = async () => {
      const family = (await server.metrics.collect()).find(({ name }) => name === 'http_requests_total');
      const samples = family?.kind === 'counter' ? family.samples : [];
      return new Map(
        samples.map(({ labels: { method, route, status }, value }) => [
          `${method} ${route} ${status}`,
          value,
        ]),
      );
    };
    const inFlight = async () => {
      const family = (await server.metrics.collect()).find(({ name }) => name === 'http_requests_in_flight');
      return family?.kind === 'gauge' ? family.samples[0]?.value : undefined;
    };
    await until(async () => (await inFlight()) === 0);
    const before = await counted();
    expect(before.get('GET /things/:number 200')).toBeNumber();
    server.lines.length = 0;
    await server.call('GET', '/things/1?secret=x', { token: 'viewer' });
    await server.call('GET', '/things/2');
    await server.call('GET', '/nothing/3');
    await server.call('GET', '/raw');
    await server.call('GET', '/bug');
    await server.call('POST', '/things', { token: 'operator', body: '{' });
    await server.call('POST', '/things', { token: 'operator', json: {} });
    await until(() => server.lines.filter(({ msg }) => msg === 'request').length >= 7);
    const after = await counted();
    const grown = [...after]
      .filter(([key, value]) => value !== (before.get(key) ?? 0))
      .map(([key]) => key)
      .sort();
    expect(grown).toEqual([
      'GET /bug 500',
      'GET /raw 203',
      'GET /things/:number 200',
      'GET /things/:number 401',
      'GET unmatched 404',
      'POST /things 201',
      'POST /things 400',
    ]);
    const lines = server.lines.filter(({ msg }) => msg === 'request');
    expect(lines).toHaveLength(7);
    expect(lines[0]).toMatchObject({
      level: 'info',
      method: 'GET',
      path: '/things/1',
      route: '/things/:number',
      status: 200,
      user_id: 'id-of-viewer',
      request_id: expect.any(String),
      duration_ms: expect.any(Number),
    });
    expect(await inFlight()).toBe(0);
  });

  test('knows its client through trusted proxies only', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9, 10.0.0.1' };
    const addressOf = async () =>
      (await (await server.call('GET', '/open', { headers })).json()) as { address: string };
    expect((await addressOf()).address).toBe('127.0.0.1');
    const { current } = server.config;
    server.config.current = {
      ...current,
      server: { ...current.server, trusted_proxies: ['127.0.0.0/8', '10.0.0.1'] },
    };
    expect((await addressOf()).address).toBe('203.0.113.9');
    server.config.current = current;
  });
});
