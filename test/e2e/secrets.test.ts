/**
 * A whole session against the binary, and then a look into everything it has written: no password, token or key is
 * anywhere but as hash or sealed, and no value of a person in log or audit. And who changes the audit log in the
 * database itself is found out.
 */
import { Database } from 'bun:sqlite';
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ADMIN_PASSWORD, newFolder, type RunningServer, startServer } from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';

const SECRETS: Record<string, string> = {
  'password of the admin': ADMIN_PASSWORD,
  'password of a user': 'Sup3r-secret-of-grace',
  'new password': 'Another-secret-of-grace',
  'password set by an admin': 'Reset-secret-of-grace',
  'password in a refused body': 'refused-secret-of-bob',
  'wrong password': 'mistyped-secret-of-grace',
  'password typed as a name': 'secret-typed-as-name',
  'token of the CRM': 'crm-bearer-secret',
};
const PERSONAL: Record<string, string> = {
  'e-mail of a user': 'grace.private@example.org',
  'e-mail of a lead': 'lead.person@example.org',
  'e-mail in a query': 'asked.for@example.org',
  'phone of a lead': '+4915112345678',
  'name of a lead': 'Ladislaus',
  'custom field of a lead': 'a-custom-value',
};
const of = (list: Record<string, string>, name: string): string => list[name] ?? '';

const dataDir = newFolder();
const crm = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json({ id: 'crm-1' }) });
let server: RunningServer;
let log = '';

beforeAll(async () => {
  server = await startServer({
    dataDir,
    config: { log: { requests: true, level: 'debug' }, outbound: { allow_private: ['127.0.0.1'] } },
  });
  const token = await server.adminToken();
  const send = (method: string, path: string, body?: unknown, as: string = token) =>
    server.request(method, path, { token: as, body });
  const password = of(SECRETS, 'password of a user');
  const user = { username: 'grace', password, role: 'operator', email: of(PERSONAL, 'e-mail of a user') };
  const { user_id } = (await send('POST', '/api/users', user)).json<{ user_id: string }>();
  await send('POST', '/api/users', {
    ...user,
    username: 'no!',
    password: of(SECRETS, 'password in a refused body'),
  });
  const attempt = (username: string, tried: string) =>
    server.request('POST', '/api/auth/login', { body: { username, password: tried } });
  expect((await attempt('grace', of(SECRETS, 'wrong password'))).status).toBe(401);
  expect((await attempt(of(SECRETS, 'password typed as a name'), 'x')).status).toBe(401);
  const grace = await server.login('grace', password);
  const made = await send('POST', '/api/auth/keys', { name: 'import' }, grace);
  const { api_key: apiKey } = made.json<{ api_key: string }>();
  expect((await server.request('GET', '/api/auth/me', { apiKey })).status).toBe(200);
  expect((await server.request('GET', '/api/auth/me', { apiKey: `${apiKey.slice(0, -2)}__` })).status).toBe(
    401,
  );
  SECRETS['API key'] = apiKey;
  SECRETS['access token of the admin'] = token;
  SECRETS['access token of a user'] = grace;
  const next = { current_password: password, new_password: of(SECRETS, 'new password') };
  expect((await send('POST', '/api/auth/password', next, grace)).status).toBe(204);
  const reset = { password: of(SECRETS, 'password set by an admin') };
  expect((await send('PUT', `/api/users/${user_id}/password`, reset)).status).toBe(204);
  const connector = {
    method: 'POST',
    url: `${crm.url}contacts`,
    id_path: 'id',
    status_url: `${crm.url}ping`,
    auth: { type: 'bearer', token: of(SECRETS, 'token of the CRM') },
  };
  const configured = await send('POST', '/api/crm/config', connector);
  expect(configured.text).not.toContain(connector.auth.token);
  expect((await send('GET', '/api/crm/status')).json().status).toBe('ready');
  const steps = [{ id: 'crm', type: 'crm.upsert' }];
  await send('POST', '/api/workflows', { name: 'to the CRM', trigger: 'lead.created', steps });
  const lead = {
    email: of(PERSONAL, 'e-mail of a lead'),
    phone: of(PERSONAL, 'phone of a lead'),
    first_name: of(PERSONAL, 'name of a lead'),
    custom_fields: { note: of(PERSONAL, 'custom field of a lead') },
  };
  const { id } = (await send('POST', '/api/leads', lead)).json<{ id: string }>();
  await until(async () => (await send('GET', `/api/leads/${id}`)).json().crm_id === 'crm-1');
  await send('PATCH', `/api/leads/${id}`, { company: 'Another' });
  await send('GET', `/api/leads?email=${of(PERSONAL, 'e-mail in a query')}`);
  expect((await send('POST', '/api/admin/audit/backup')).status).toBe(200);
  await server.stop();
  log = server.lines.join('\n');
}, 60_000);

afterAll(async () => {
  await server.stop();
  await crm.stop(true);
  rmSync(dataDir, { recursive: true, force: true });
});

const found = (list: Record<string, string>, text: Buffer | string): string[] =>
  Object.keys(list).filter((name) => text.includes(of(list, name)));

test('no secret stands in any file of the data folder', () => {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((each) =>
    each.isFile(),
  );
  expect(files.length).toBeGreaterThan(5);
  const leaks = files.flatMap(({ parentPath, name }) =>
    found(SECRETS, readFileSync(join(parentPath, name))).map((secret) => `${secret} in ${name}`),
  );
  expect(leaks).toEqual([]);
});

test('neither a secret nor a value of a person stands in the log', () => {
  expect(log).toContain('"/api/leads"');
  expect(found({ ...SECRETS, ...PERSONAL }, log)).toEqual([]);
});

test('neither stands in the audit log, and every event of a request tells who, from where and in which request', () => {
  using db = new Database(join(dataDir, 'orchestrator.sqlite3'), { readonly: true });
  const events = db.query('SELECT * FROM audit_events').all() as Record<string, string | null>[];
  expect(found({ ...SECRETS, ...PERSONAL }, JSON.stringify(events))).toEqual([]);
  const byClients = events.filter(({ actor_type }) => actor_type === 'user' || actor_type === 'anonymous');
  const fromRequests = byClients.filter(({ request_id, address }) => request_id && address === '127.0.0.1');
  expect(byClients.length).toBeGreaterThan(8);
  expect(fromRequests).toEqual(byClients);
});

test('a stored run holds no value of the lead, so deleting the lead is enough', () => {
  using db = new Database(join(dataDir, 'orchestrator.sqlite3'), { readonly: true });
  const runs = [...db.query('SELECT * FROM runs').all(), ...db.query('SELECT * FROM run_attempts').all()];
  expect(runs).toHaveLength(2);
  expect(found(PERSONAL, JSON.stringify(runs))).toEqual([]);
});

test('an event that is changed or removed in the database itself is found out', async () => {
  const verdict = async (change: string): Promise<{ ok: boolean; problems: string[] }> => {
    const changed = new Database(join(dataDir, 'orchestrator.sqlite3'));
    changed.run(change);
    changed.close();
    await using again = await startServer({ dataDir, workers: 1 });
    const token = await again.adminToken();
    return (await again.request('GET', '/api/admin/audit/verify', { token })).json();
  };
  expect(await verdict('UPDATE audit_events SET seq = seq WHERE seq = 3')).toMatchObject({
    ok: true,
    problems: [],
  });
  const edited = await verdict(`UPDATE audit_events SET actor_name = 'somebody' WHERE seq = 3`);
  expect(edited).toMatchObject({ ok: false, problems: [expect.stringContaining('event 3')] });
  expect((await verdict('DELETE FROM audit_events WHERE seq = 5')).ok).toBe(false);
}, 60_000);
