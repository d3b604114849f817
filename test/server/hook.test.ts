/** Hooks: open to everybody as far as the server is concerned, and limited by address before a body is read. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Hardened, serveHardened } from '@test/support/hardened.ts';
import { Elysia } from 'elysia';
import { Unauthorized } from '@/platform/errors/problem.ts';
import { accessControl } from '@/platform/http/access.ts';
import { bodyBytes } from '@/platform/http/body.ts';
import { contextOf } from '@/platform/http/context.ts';
import { routeInput } from '@/platform/http/input.ts';

const routes = () =>
  new Elysia()
    .use(accessControl)
    .use(routeInput)
    .post(
      '/hooks/:source',
      ({ request }) => {
        if (request.headers.get('signature') !== 'good')
          throw new Unauthorized('The signature does not fit.');
        return { by: contextOf(request).principal, size: bodyBytes(request).byteLength };
      },
      {
        access: 'hook',
        input: { kind: 'bytes', cap: 100 },
        detail: { 'x-refusals': { 401: 'Bad signature.' } },
      },
    )
    .get('/things', () => 'things', { access: 'authenticated' });

describe('a hook', () => {
  let server: Hardened;
  const call = (over: Parameters<Hardened['call']>[2] = {}) =>
    server.call('POST', '/hooks/x', { body: 'abc', headers: { signature: 'good' }, ...over });
  beforeAll(() => {
    server = serveHardened(routes, { rate_limit: { max_requests: 4, window_seconds: 60 } });
  });
  afterAll(() => server.stop());

  test('needs no credentials, and takes one token of a bucket that is for hooks alone', async () => {
    const answer = await call();
    expect([answer.status, await answer.json()]).toEqual([200, { by: null, size: 3 }]);
    expect(answer.headers.get('ratelimit')).toBe('"default";r=3;t=15');
    await server.call('GET', '/things');
    expect(server.taken).toEqual(['hook:127.0.0.1', 'address:127.0.0.1']);
  });

  test('takes it for what it refuses as well, and 429 comes before the body is read', async () => {
    // Credentials make no difference to it, good or bad.
    expect((await call({ token: 'garbled' })).status).toBe(200);
    expect((await call({ headers: {} })).status).toBe(401);
    expect((await call({ body: 'x'.repeat(200) })).status).toBe(413);
    const refused = await call({ body: 'x'.repeat(200), token: 'admin' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '2']);
    expect(refused.headers.get('ratelimit-policy')).toBe('"default";q=4;w=60');
    // Callers without credentials elsewhere have lost nothing by it.
    expect((await server.call('GET', '/things')).status).toBe(401);
    const limited = (await server.metrics.collect()).find(({ name }) => name === 'ao_rate_limited_total');
    expect(limited?.samples).toContainEqual({ labels: { scope: 'hook' }, value: 1 });
  });

  test('stands in the document as open, with its limit and without a permission', async () => {
    const document = (await (await server.call('GET', '/api/openapi.json')).json()) as {
      paths: Record<string, Record<string, { security: unknown[]; responses: Record<string, unknown> }>>;
    };
    const hook = document.paths['/hooks/{source}']?.post;
    expect(hook?.security).toEqual([]);
    expect(Object.keys(hook?.responses ?? {})).toEqual(expect.arrayContaining(['401', '413', '429']));
    expect(Object.keys(hook?.responses ?? {})).not.toContain('403');
  });
});

test('a hook can have a limit of its own', async () => {
  const server = serveHardened(routes, {
    rate_limit: { routes: { 'POST /hooks/{source}': { max_requests: 1, window_seconds: 5 } } },
  });
  try {
    const call = () => server.call('POST', '/hooks/x', { body: 'a', headers: { signature: 'good' } });
    expect((await call()).headers.get('ratelimit-policy')).toBe('"POST /hooks/{source}";q=1;w=5');
    expect((await call()).status).toBe(429);
    expect(new Set(server.taken)).toEqual(new Set(['hook:127.0.0.1:POST /hooks/:source']));
  } finally {
    await server.stop();
  }
});
