import { beforeEach, describe, expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { Elysia } from 'elysia';
import { authRoutes } from '@/features/auth/routes.ts';
import { userRoutes } from '@/features/auth/users_routes.ts';
import { Forbidden, Unauthorized } from '@/platform/errors/problem.ts';
import { type Access, contextOf, isOpen, type RequestContext, setContext } from '@/platform/http/context.ts';
import { RouteTable } from '@/platform/http/routes.ts';
import { problemOf } from '@/platform/http/thrown.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { PERMISSIONS } from '@/server/composition.ts';
import { admission } from '@/server/plugins/admission.ts';
import { emptied, openAuth, PASSWORD } from './fixtures.ts';

type Auth = ReturnType<typeof openAuth>;

/** The routes behind the least that a server does: context, credentials, permission, status of a refusal. */
function serve(auth: Auth) {
  const admit = async (request: Request, access: Access): Promise<void> => {
    const context = contextOf(request);
    const { headers } = request;
    const credentials = { authorization: headers.get('authorization'), apiKey: headers.get('x-api-key') };
    if (isOpen(access) || context.principal) return;
    context.principal = await auth.authenticator.authenticate(credentials);
    if (!context.principal) throw new Unauthorized('no credentials');
    if (access !== 'authenticated' && !PERMISSIONS.may(context.principal.role, access))
      throw new Forbidden(access);
  };
  const routes = new RouteTable();
  const app = new Elysia({ normalize: false })
    .onRequest(({ request }) => {
      const context: RequestContext = {
        requestId: 'r',
        startedAt: 0,
        log: silentLogger,
        address: '192.0.2.9',
        principal: null,
        responseHeaders: {},
        route: null,
        admit: (_, access) => admit(request, access),
      };
      setContext(request, context);
    })
    .onError(({ error, set, code }) => {
      const problem = problemOf(error);
      if (problem) {
        set.status = problem.status;
        return problem.detail;
      }
      set.status = code === 'VALIDATION' ? 422 : 500;
      return String(error);
    })
    .use(admission({ routes }))
    .use(authRoutes({ ...auth, permissions: PERMISSIONS }))
    .use(userRoutes(auth));
  routes.fill(app);
  return async (
    method: string,
    path: string,
    options: { token?: string; key?: string; body?: unknown } = {},
  ) => {
    const headers = new Headers();
    if (options.token) headers.set('authorization', `Bearer ${options.token}`);
    if (options.key) headers.set('x-api-key', options.key);
    if (options.body !== undefined) headers.set('content-type', 'application/json');
    const body = options.body === undefined ? null : JSON.stringify(options.body);
    const response = await app.handle(new Request(`http://localhost${path}`, { method, headers, body }));
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, json };
  };
}

forEachDatabase('the routes of auth', (open) => {
  const openEmpty = emptied(open);
  let auth: Auth;
  let call: ReturnType<typeof serve>;
  let admin = '';
  let viewer = '';
  beforeEach(async () => {
    auth = openAuth(await openEmpty());
    call = serve(auth);
    await auth.addUser('root', 'admin');
    await auth.addUser('joan', 'viewer');
    admin = await auth.tokenOf('root');
    viewer = await auth.tokenOf('joan');
  });

  test('log-in, me, log-out', async () => {
    const body = { username: 'root', password: PASSWORD };
    const { status, headers, json } = await call('POST', '/api/auth/login', { body });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    const keys = ['access_token', 'expires_in', 'role', 'token_type', 'user_id', 'username'];
    expect(Object.keys(json).toSorted()).toEqual(keys);
    const token: string = json.access_token;
    const me = await call('GET', '/api/auth/me', { token });
    expect(me.json).toMatchObject({ user_id: json.user_id, username: 'root', email: null, role: 'admin' });
    expect(me.json.permissions).toContain('users:manage');
    expect((await call('POST', '/api/auth/logout', { token })).status).toBe(204);
    expect((await call('GET', '/api/auth/me', { token })).status).toBe(401);
    expect((await call('GET', '/api/auth/me', { token: admin })).status).toBe(200);
    expect((await call('POST', '/api/auth/logout?everywhere=true', { token: admin })).status).toBe(204);
    expect((await call('GET', '/api/auth/me', { token: admin })).status).toBe(401);
  });

  test('keys: made, used, listed, deleted', async () => {
    const made = await call('POST', '/api/auth/keys', {
      token: viewer,
      body: { name: 'x', expires_in_days: 7 },
    });
    expect(made.status).toBe(201);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const key: string = made.json.api_key;
    const me = await call('GET', '/api/auth/me', { key });
    expect(me.json).toMatchObject({ username: 'joan', role: 'viewer' });
    const listed = await call('GET', '/api/auth/keys', { key });
    expect(listed.json.keys).toMatchObject([{ key_id: made.json.key_id, name: 'x', role: 'viewer' }]);
    expect((await call('POST', '/api/auth/keys', { key, body: { name: 'y' } })).status).toBe(403);
    expect((await call('POST', '/api/auth/logout', { key })).status).toBe(409);
    const path = `/api/auth/keys/${made.json.key_id}`;
    expect((await call('DELETE', path, { token: admin })).status).toBe(404);
    expect((await call('DELETE', path, { token: viewer })).status).toBe(204);
    expect((await call('GET', '/api/auth/me', { key })).status).toBe(401);
  });

  test('users: created, listed, read, changed', async () => {
    const body = { username: 'grace', password: PASSWORD, role: 'operator', email: 'grace@example.com' };
    const made = await call('POST', '/api/users', { token: admin, body });
    expect(made.status).toBe(201);
    const path = `/api/users/${made.json.user_id}`;
    expect(made.headers.get('location')).toBe(path);
    expect((await call('POST', '/api/users', { token: admin, body })).status).toBe(409);
    expect((await call('GET', path, { token: admin })).json).toEqual(made.json);
    expect((await call('GET', '/api/users?role=operator', { token: admin })).json.users).toEqual([made.json]);
    const grace = await auth.tokenOf('grace');
    const changed = await call('PUT', `${path}/role`, { token: admin, body: { role: 'viewer' } });
    expect(changed.json).toMatchObject({ role: 'viewer' });
    expect((await call('GET', '/api/auth/me', { token: grace })).json.role).toBe('viewer');
    expect((await call('POST', `${path}/deactivate`, { token: admin })).json.active).toBe(false);
    expect((await call('GET', '/api/auth/me', { token: grace })).status).toBe(401);
    expect((await call('POST', `${path}/activate`, { token: admin })).json.active).toBe(true);
    const reset = await call('PUT', `${path}/password`, {
      token: admin,
      body: { password: 'a new good password' },
    });
    expect(reset.status).toBe(204);
    expect(
      (await call('GET', '/api/users/01890000-0000-7000-8000-000000000000', { token: admin })).status,
    ).toBe(404);
  });

  test('administration is for admins', async () => {
    expect((await call('GET', '/api/users', { token: viewer })).status).toBe(403);
    expect((await call('GET', '/api/users')).status).toBe(401);
    expect((await call('POST', '/api/users', { token: viewer, body: { nonsense: true } })).status).toBe(403);
  });

  test('one can change the own password', async () => {
    const body = { current_password: PASSWORD, new_password: 'a new good password' };
    expect((await call('POST', '/api/auth/password', { token: viewer, body })).status).toBe(204);
    expect((await call('GET', '/api/auth/me', { token: viewer })).status).toBe(401);
    const again = { username: 'joan', password: 'a new good password' };
    expect((await call('POST', '/api/auth/login', { body: again })).status).toBe(200);
  });

  describe('what no store would take is 422', () => {
    const user = { username: 'grace', password: PASSWORD, role: 'viewer' };
    test.each<[string, string, unknown]>([
      ['an unknown field', '/api/users', { ...user, is_root: true }],
      ['an unknown role', '/api/users', { ...user, role: 'root' }],
      ['a name with a space', '/api/users', { ...user, username: 'gr ace' }],
      ['a name with a line break at its end', '/api/users', { ...user, username: 'grace\n' }],
      ['a name of two letters', '/api/users', { ...user, username: 'ab' }],
      ['a name of letters that only look alike', '/api/users', { ...user, username: 'gr\u0430ce' }],
      ['a NUL byte in a password', '/api/users', { ...user, password: `${PASSWORD}\u0000` }],
      ['half a surrogate pair in a password', '/api/users', { ...user, password: `${PASSWORD}\ud83d` }],
      ['a password of 2,000 characters', '/api/users', { ...user, password: 'x'.repeat(2000) }],
      ['an e-mail without @', '/api/users', { ...user, email: 'grace' }],
      ['a NUL byte in an e-mail', '/api/users', { ...user, email: 'a\u0000@example.com' }],
      ['half a surrogate pair in an e-mail', '/api/users', { ...user, email: 'a\ud83d@example.com' }],
      ['a NUL byte in a log-in name', '/api/auth/login', { username: 'a\u0000', password: 'x' }],
      ['an empty password', '/api/auth/login', { username: 'root', password: '' }],
      ['a number as password', '/api/auth/login', { username: 'root', password: 7 }],
      ['a NUL byte in the name of a key', '/api/auth/keys', { name: 'a\u0000' }],
      ['a key that ends today', '/api/auth/keys', { name: 'a', expires_in_days: 0 }],
      ['a key for ever and a day', '/api/auth/keys', { name: 'a', expires_in_days: 1e9 }],
      ['a key that ends at noon', '/api/auth/keys', { name: 'a', expires_in_days: 1.5 }],
    ])('%s', async (_, path, body) => {
      expect((await call('POST', path, { token: admin, body })).status).toBe(422);
    });

    test('an emoji is no half of anything', async () => {
      const body = { ...user, password: '🔑🔑🔑🔑 and some words' };
      expect((await call('POST', '/api/users', { token: admin, body })).status).toBe(201);
    });
  });
});
