/**
 * Every route of the OpenAPI document × every kind of credential. The table below is the promise; a route that
 * is not in it fails the test, so that nobody adds one without saying whom it admits.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { decodeToken, forgeToken, unsignedToken } from '@test/support/jwt.ts';
import { ADMIN_PASSWORD, type RunningServer, startServer } from '@test/support/server.ts';

type Least = 'public' | 'viewer' | 'operator' | 'admin';

const PROMISE: Record<string, Least> = {
  'GET /health': 'public',
  'GET /health/detailed': 'public',
  'GET /metrics': 'public',
  'GET /api/status': 'public',
  'POST /api/auth/login': 'public',
  'POST /api/auth/logout': 'viewer',
  'GET /api/auth/me': 'viewer',
  'POST /api/auth/password': 'viewer',
  'GET /api/auth/keys': 'viewer',
  'POST /api/auth/keys': 'viewer',
  'DELETE /api/auth/keys/{key_id}': 'viewer',
  'GET /api/leads': 'viewer',
  'GET /api/leads/{id}': 'viewer',
  'GET /api/leads/{id}/timeline': 'viewer',
  'POST /api/leads': 'operator',
  'PUT /api/leads/{id}': 'operator',
  'PATCH /api/leads/{id}': 'operator',
  'DELETE /api/leads/{id}': 'operator',
  'GET /api/workflows': 'viewer',
  'GET /api/workflows/{id}': 'viewer',
  'GET /api/workflows/{id}/status': 'viewer',
  'GET /api/workflows/{id}/versions/{version}': 'viewer',
  'POST /api/workflows': 'operator',
  'PUT /api/workflows/{id}': 'operator',
  'DELETE /api/workflows/{id}': 'operator',
  'POST /api/workflows/trigger': 'operator',
  'GET /api/runs': 'viewer',
  'GET /api/runs/{id}': 'viewer',
  'POST /api/runs/{id}/cancel': 'operator',
  'POST /api/runs/{id}/retry': 'operator',
  'GET /api/crm/status': 'viewer',
  'GET /api/crm/config': 'admin',
  'POST /api/crm/config': 'admin',
  'GET /api/users': 'admin',
  'POST /api/users': 'admin',
  'GET /api/users/{id}': 'admin',
  'PUT /api/users/{id}/role': 'admin',
  'PUT /api/users/{id}/password': 'admin',
  'POST /api/users/{id}/activate': 'admin',
  'POST /api/users/{id}/deactivate': 'admin',
  'GET /api/admin/config': 'admin',
  'GET /api/admin/audit/events': 'admin',
  'GET /api/admin/audit/verify': 'admin',
  'GET /api/admin/audit/backups': 'admin',
  'GET /api/admin/audit/backups/{name}': 'admin',
  'POST /api/admin/audit/backup': 'admin',
};

const SECRET = 'the secret of the access matrix, long enough';
const RANK = { public: 0, viewer: 1, operator: 2, admin: 3 } as const;

let server: RunningServer;
let routes: string[];
const tokens: Record<'viewer' | 'operator' | 'admin', string> = { viewer: '', operator: '', admin: '' };
const refused: Record<string, string> = {};

beforeAll(async () => {
  server = await startServer({ workers: 4, env: { JWT_SECRET: SECRET } });
  const document = (await server.request('GET', '/api/openapi.json')).json<{
    paths: Record<string, Record<string, unknown>>;
  }>();
  routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  tokens.admin = await server.adminToken();
  tokens.operator = (await server.userToken('operator', 'matrix-operator')).token;
  tokens.viewer = (await server.userToken('viewer', 'matrix-viewer')).token;

  const { header, payload } = decodeToken(tokens.admin);
  const past = Math.floor(Date.now() / 1000) - 10;
  const revoked = await server.login('admin', ADMIN_PASSWORD);
  await server.request('POST', '/api/auth/logout', { token: revoked });
  Object.assign(refused, {
    expired: forgeToken(header, { ...payload, iat: past - 3600, exp: past }, SECRET),
    garbled: `${tokens.admin.slice(0, -3)}AAA`,
    'no JWT at all': 'nonsense',
    'alg:none': unsignedToken(payload),
    'another algorithm': forgeToken({ ...header, alg: 'HS384' }, payload, SECRET, 'sha384'),
    'wrong key': forgeToken(header, payload, 'another secret of more than thirty-two bytes'),
    'no expiry': forgeToken(header, { ...payload, exp: undefined }, SECRET),
    'another audience': forgeToken(header, { ...payload, aud: 'somebody-else' }, SECRET),
    'another issuer': forgeToken(header, { ...payload, iss: 'somebody-else' }, SECRET),
    revoked,
  });
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

/** Calls a route with a plausible path and an empty body; what comes back beyond admission does not matter here. */
async function call(route: string, options: { token?: string; apiKey?: string }): Promise<number> {
  const [method = '', path = ''] = route.split(' ');
  const target = path
    .replace('{version}', '1')
    .replace('{name}', 'audit_backup_20000101_000000.log')
    .replaceAll(/\{[^}]+\}/g, '01890000-0000-7000-8000-000000000000');
  const withBody = ['POST', 'PUT', 'PATCH'].includes(method);
  const answer = await server.request(method, target, { ...options, ...(withBody ? { body: {} } : {}) });
  return answer.status;
}

test('a token made by hand with the right secret is accepted: the forgeries below fail for their own reason', async () => {
  const { header, payload } = decodeToken(tokens.admin);
  expect(await call('GET /api/auth/me', { token: forgeToken(header, payload, SECRET) })).toBe(200);
});

test('the document and the promise name the same routes', () => {
  expect(routes.toSorted()).toEqual(Object.keys(PROMISE).toSorted());
});

/** Log-out ends the token it is called with, so each call of it needs a token of its own. */
const tokenFor = async (route: string, role: 'viewer' | 'operator' | 'admin'): Promise<string> => {
  if (route !== 'POST /api/auth/logout') return tokens[role];
  return role === 'admin'
    ? server.login('admin', ADMIN_PASSWORD)
    : server.login(`matrix-${role}`, `password of matrix-${role}`);
};

describe.each(Object.entries(PROMISE))('%s (%s)', (route, least) => {
  test('without credentials', async () => {
    const status = await call(route, {});
    if (least === 'public') expect([401, 403]).not.toContain(status);
    else expect(status).toBe(401);
  });

  test.each(['viewer', 'operator', 'admin'] as const)('as %s', async (role) => {
    const status = await call(route, { token: await tokenFor(route, role) });
    expect(status).toBeLessThan(500);
    if (RANK[role] >= RANK[least]) expect([401, 403]).not.toContain(status);
    else expect(status).toBe(403);
  });

  test('with credentials that prove nothing', async () => {
    const statuses = await Promise.all(
      Object.entries(refused).map(async ([kind, token]) => [kind, await call(route, { token })] as const),
    );
    for (const [kind, status] of statuses) {
      if (least === 'public') expect([kind, status]).not.toEqual([kind, 403]);
      else expect([kind, status]).toEqual([kind, 401]);
    }
    const keyed = await call(route, { apiKey: `ao_${'x'.repeat(43)}` });
    if (least !== 'public') expect(keyed).toBe(401);
  });
});
