/** One good answer of every documented operation, and its usual refusals, each held to the document. */

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { ApiDocument } from '@test/support/openapi.ts';
import {
  ADMIN_PASSWORD,
  type RequestOptions,
  type RunningServer,
  startServer,
} from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';

type Json = Record<string, string>;

let server: RunningServer;
let document: ApiDocument;
let token: string;
const seen = new Set<string>();

beforeAll(async () => {
  server = await startServer();
  document = await ApiDocument.of(server);
  token = await server.adminToken();
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

/** Calls `METHOD /pattern/{with}/{places}`, expects the status, holds the answer to the document, and gives its body. */
async function call(
  operation: string,
  status: number,
  { places = {}, query = '', ...options }: RequestOptions & { places?: Json; query?: string } = {},
): Promise<Json> {
  const [method = '', path = ''] = operation.split(' ');
  const target = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => places[name] ?? '-');
  const answer = await server.request(method, target + query, { token, ...options });
  expect([operation, answer.status, answer.text]).toEqual([operation, status, answer.text]);
  expect([operation, document.faults({ method, path }, answer)]).toEqual([operation, []]);
  if (status < 400) seen.add(operation);
  const type = answer.headers.get('content-type') ?? '';
  return /^application\/(problem\+)?json/.test(type) && answer.text !== '' ? answer.json<Json>() : {};
}

const NOBODY = '01890000-0000-7000-8000-000000000000';
const id = (made: Json): { id: string } => ({ id: made.id ?? made.user_id ?? made.execution_id ?? '' });

test('monitoring', async () => {
  await call('GET /health', 200);
  await call('GET /health', 200, { query: '?probe=live' });
  await call('GET /health', 422, { query: '?probe=dead' });
  await call('GET /health/detailed', 200);
  await call('GET /metrics', 200);
  for (const accept of ['text/plain', 'application/openmetrics-text']) {
    await call('GET /metrics', 200, { headers: { accept } });
  }
  await call('GET /api/status', 200);
  await call('GET /api/admin/config', 200);
});

test('users', async () => {
  const user = { username: 'grace', password: 'a long password', role: 'viewer', email: 'grace@example.com' };
  const places = id(await call('POST /api/users', 201, { body: user }));
  await call('POST /api/users', 409, { body: user });
  await call('POST /api/users', 422, { body: { ...user, username: '?' } });
  await call('GET /api/users', 200, { query: '?role=viewer&active=true' });
  await call('GET /api/users/{id}', 200, { places });
  await call('GET /api/users/{id}', 404, { places: { id: NOBODY } });
  await call('PUT /api/users/{id}/role', 200, { places, body: { role: 'operator' } });
  await call('PUT /api/users/{id}/password', 204, { places, body: { password: 'another long password' } });
  await call('POST /api/users/{id}/deactivate', 200, { places });
  await call('POST /api/users/{id}/activate', 200, { places });
  const me = await call('GET /api/auth/me', 200);
  await call('POST /api/users/{id}/deactivate', 409, { places: { id: me.user_id ?? '' } });
  await call('PUT /api/users/{id}/role', 409, { places: { id: me.user_id ?? '' }, body: { role: 'viewer' } });
});

test('sessions and keys', async () => {
  await call('POST /api/auth/login', 200, { body: { username: 'admin', password: ADMIN_PASSWORD } });
  await call('POST /api/auth/login', 401, { body: { username: 'admin', password: 'wrong' } });
  const key = await call('POST /api/auth/keys', 201, { body: { name: 'import', expires_in_days: 9 } });
  await call('GET /api/auth/keys', 200);
  await call('POST /api/auth/logout', 409, { headers: { 'x-api-key': key.api_key ?? '' }, token: '' });
  await call('DELETE /api/auth/keys/{key_id}', 204, { places: { key_id: key.key_id ?? '' } });
  await call('DELETE /api/auth/keys/{key_id}', 404, { places: { key_id: NOBODY } });
  const other = await server.userToken('operator', 'ada');
  await call('POST /api/auth/password', 204, {
    token: other.token,
    body: { current_password: 'password of ada', new_password: 'a newer long password' },
  });
  const again = await server.login('ada', 'a newer long password');
  await call('POST /api/auth/logout', 204, { token: again });
  await call('GET /api/auth/me', 401, { token: again });
});

test('leads', async () => {
  const places = id(
    await call('POST /api/leads', 201, { body: { email: 'a@example.com', custom_fields: { a: [1] } } }),
  );
  await call('POST /api/leads', 415, { raw: '{}', headers: { 'content-type': 'text/plain' } });
  await call('POST /api/leads', 400, { raw: '{' });
  await call('POST /api/leads', 413, { body: { email: 'x'.repeat(1_100_000) } });
  await call('GET /api/leads', 200, { query: '?source=web&limit=1' });
  await call('GET /api/leads/{id}', 200, { places });
  await call('GET /api/leads/{id}', 304, { places, headers: { 'if-none-match': '"1"' } });
  await call('PUT /api/leads/{id}', 200, { places, body: { email: 'b@example.com' } });
  await call('PATCH /api/leads/{id}', 412, { places, body: { phone: '1' }, headers: { 'if-match': '"1"' } });
  await call('PATCH /api/leads/{id}', 200, { places, body: { phone: '1' } });
  await call('GET /api/leads/{id}/timeline', 200, { places });
  await call('GET /api/leads/{id}/timeline', 200, { places, query: '?limit=1&cursor=999999999' });
  await call('GET /api/leads/{id}/timeline', 422, { places, query: '?cursor=x' });
  await call('DELETE /api/leads/{id}', 204, { places });
  await call('GET /api/leads/{id}/timeline', 404, { places });
  await call('DELETE /api/leads/{id}', 404, { places });
});

test('workflows, runs and the CRM', async () => {
  await call('GET /api/crm/config', 404);
  await call('GET /api/crm/status', 200);
  await call('POST /api/crm/config', 200, {
    body: { method: 'POST', url: 'http://127.0.0.1:9/', id_path: 'id' },
  });
  await call('GET /api/crm/config', 200);
  const input = {
    name: 'rest',
    trigger: 'manual',
    steps: [{ id: 'rest', type: 'delay', duration_ms: 3_600_000 }],
  };
  const places = id(await call('POST /api/workflows', 201, { body: input }));
  await call('GET /api/workflows', 200, { query: '?trigger=manual' });
  await call('GET /api/workflows/{id}', 200, { places });
  await call('GET /api/workflows/{id}', 304, { places, headers: { 'if-none-match': '"1"' } });
  await call('GET /api/workflows/{id}/versions/{version}', 200, { places: { ...places, version: '1' } });
  await call('GET /api/workflows/{id}/status', 200, { places });
  await call('POST /api/workflows/trigger', 404, { body: { workflow_id: NOBODY } });
  const run = id(await call('POST /api/workflows/trigger', 202, { body: { workflow_id: places.id } }));
  await call('GET /api/workflows/{id}/status', 200, { places });
  await call('GET /api/runs', 200, { query: `?workflow_id=${places.id}` });
  await call('GET /api/runs/{id}', 200, { places: run });
  await call('POST /api/runs/{id}/cancel', 200, { places: run });
  await call('POST /api/runs/{id}/cancel', 409, { places: run });
  const failing = { ...input, steps: [{ id: 'crm', type: 'crm.upsert', retry: { max_attempts: 1 } }] };
  const fails = id(await call('POST /api/workflows', 201, { body: failing }));
  const failed = id(await call('POST /api/workflows/trigger', 202, { body: { workflow_id: fails.id } }));
  await until(async () => {
    const { text } = await server.request('GET', `/api/runs/${failed.id}`, {
      token: await server.adminToken(),
    });
    return JSON.parse(text).status === 'failed';
  });
  await call('POST /api/runs/{id}/retry', 202, { places: failed });
  await call('POST /api/runs/{id}/retry', 409, { places: run });
  const off = { ...input, enabled: false };
  await call('PUT /api/workflows/{id}', 200, { places, body: off });
  await call('PUT /api/workflows/{id}', 412, { places, body: off, headers: { 'if-match': '"1"' } });
  await call('POST /api/workflows/trigger', 409, { body: { workflow_id: places.id } });
  await call('DELETE /api/workflows/{id}', 204, { places });
});

test('the audit log', async () => {
  const made = await call('POST /api/admin/audit/backup', 200, { query: '?compress=true' });
  const places = { name: made.backup_file ?? '' };
  await call('GET /api/admin/audit/backups', 200);
  await call('GET /api/admin/audit/backups/{name}', 200, { places });
  await call('GET /api/admin/audit/backups/{name}', 206, { places, headers: { range: 'bytes=0-9' } });
  await call('GET /api/admin/audit/backups/{name}', 416, { places, headers: { range: 'bytes=99999999-' } });
  await call('GET /api/admin/audit/backups/{name}', 404, {
    places: { name: '..%2F..%2Fsecrets%2Fjwt_secret' },
  });
  await call('GET /api/admin/audit/events', 200, { query: '?action=lead.*&limit=5' });
  await call('GET /api/admin/audit/verify', 200);
  const viewer = await server.userToken('viewer', 'reader');
  await call('GET /api/admin/audit/events', 403, { token: viewer.token });
});

test('no operation was left out', () => {
  const all = document.operations.map(({ method, path }) => `${method} ${path}`);
  expect([...seen].toSorted()).toEqual(all.toSorted());
});
