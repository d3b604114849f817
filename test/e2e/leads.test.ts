/** Leads over the compiled binary: created durably, found, changed without lost updates, and deleted. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { newFolder, type RunningServer, startServer } from '@test/support/server.ts';

interface Lead {
  id: string;
  email: string | null;
  phone: string | null;
  company: string | null;
  custom_fields: Record<string, unknown>;
  version: number;
}
interface Created {
  id: string;
  status: string;
  crm_id: string | null;
  data: Lead;
}

let server: RunningServer;
let token: string;

beforeAll(async () => {
  server = await startServer({ workers: 4 });
  token = (await server.userToken('operator', 'lead-operator')).token;
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

const create = (body: object, headers: Record<string, string> = {}) =>
  server.request('POST', '/api/leads', { token, body, headers });

test('a lead is created with 201, Location and ETag, and read back by any worker', async () => {
  const answer = await create({
    email: ' Ada@Example.COM ',
    company: 'Engines',
    custom_fields: { budget: 5 },
  });
  const made = answer.json<Created>();
  expect(answer.status).toBe(201);
  expect(made).toMatchObject({
    status: 'created',
    crm_id: null,
    data: { email: 'ada@example.com', version: 1 },
  });
  expect(answer.headers.get('location')).toBe(`/api/leads/${made.id}`);
  for (let call = 0; call < 8; call += 1) {
    const read = await server.request('GET', `/api/leads/${made.id}`, {
      token,
      headers: { connection: 'close' },
    });
    expect(read.status).toBe(200);
    expect(read.headers.get('etag')).toBe('"1"');
    expect(read.json<Lead>()).toEqual(made.data);
  }
});

test('a lead that nobody could recognise is refused', async () => {
  expect((await create({ first_name: 'Somebody' })).status).toBe(422);
});

describe('listing', () => {
  test('filters, counts and pages, newest first', async () => {
    for (let lead = 0; lead < 5; lead += 1)
      await create({ email: `page${lead}@example.com`, source: 'paging' });
    const page = async (query: string) =>
      (await server.request('GET', `/api/leads?source=paging&${query}`, { token })).json<{
        total: number;
        skip: number;
        limit: number;
        leads: Lead[];
      }>();
    const first = await page('limit=2');
    expect(first).toMatchObject({ total: 5, skip: 0, limit: 2 });
    expect(first.leads.map((lead) => lead.email)).toEqual(['page4@example.com', 'page3@example.com']);
    expect((await page('limit=2&skip=4')).leads.map((lead) => lead.email)).toEqual(['page0@example.com']);
    expect((await page('skip=99')).leads).toEqual([]);
    const byEmail = await server.request('GET', '/api/leads?email=PAGE2@example.com', { token });
    expect(byEmail.json<{ total: number }>().total).toBe(1);
  });
});

describe('changing', () => {
  test('PATCH changes the given fields, merges custom fields and clears with null', async () => {
    const { id } = (
      await create({ email: 'p@example.com', phone: '1', custom_fields: { a: 1, b: 2 } })
    ).json<Created>();
    const answer = await server.request('PATCH', `/api/leads/${id}`, {
      token,
      body: { phone: null, company: 'New', custom_fields: { b: null, c: 3 } },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toBe('"2"');
    expect(answer.json<Lead>()).toMatchObject({
      email: 'p@example.com',
      phone: null,
      company: 'New',
      custom_fields: { a: 1, c: 3 },
    });
  });

  test('PUT replaces everything a client may set', async () => {
    const { id } = (
      await create({ email: 'q@example.com', phone: '1', custom_fields: { a: 1 } })
    ).json<Created>();
    const answer = await server.request('PUT', `/api/leads/${id}`, {
      token,
      body: { email: 'r@example.com' },
    });
    expect(answer.json<Lead>()).toMatchObject({
      email: 'r@example.com',
      phone: null,
      custom_fields: {},
      version: 2,
    });
  });

  test('of changes that all saw the same version exactly one wins; the others get 412', async () => {
    const { id } = (await create({ email: 's@example.com' })).json<Created>();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        server.request('PATCH', `/api/leads/${id}`, {
          token,
          body: { phone: `phone ${index}` },
          headers: { 'if-match': '"1"', connection: 'close' },
        }),
      ),
    );
    const statuses = answers.map((answer) => answer.status).toSorted();
    expect(statuses).toEqual([200, ...Array.from({ length: 11 }, () => 412)]);
  });

  test('a matching If-None-Match gives 304 without a body', async () => {
    const { id } = (await create({ email: 't@example.com' })).json<Created>();
    const answer = await server.request('GET', `/api/leads/${id}`, {
      token,
      headers: { 'if-none-match': '"1"' },
    });
    expect(answer.status).toBe(304);
    expect(answer.text).toBe('');
  });

  test('DELETE removes it, and a second DELETE is 404', async () => {
    const { id } = (await create({ email: 'u@example.com' })).json<Created>();
    expect((await server.request('DELETE', `/api/leads/${id}`, { token })).status).toBe(204);
    expect((await server.request('GET', `/api/leads/${id}`, { token })).status).toBe(404);
    expect((await server.request('DELETE', `/api/leads/${id}`, { token })).status).toBe(404);
  });
});

describe('Idempotency-Key', () => {
  test('the same request many times at once, over all workers, makes one lead', async () => {
    const headers = { 'idempotency-key': 'many-at-once', connection: 'close' };
    const body = { email: 'once@example.com', source: 'idempotent' };
    const answers = await Promise.all(Array.from({ length: 12 }, () => create(body, headers)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]));
    expect(new Set(answers.map((answer) => answer.json<Created>().id)).size).toBe(1);
    const found = await server.request('GET', '/api/leads?source=idempotent', { token });
    expect(found.json<{ total: number }>().total).toBe(1);
  });

  test('the key with another request is 422, and with another user a key of its own', async () => {
    const headers = { 'idempotency-key': 'shared' };
    const mine = await create({ email: 'mine@example.com' }, headers);
    expect((await create({ email: 'other@example.com' }, headers)).status).toBe(422);
    const { token: theirs } = await server.userToken('operator', 'another-operator');
    const other = await server.request('POST', '/api/leads', {
      token: theirs,
      body: { email: 'mine@example.com' },
      headers,
    });
    expect(other.status).toBe(201);
    expect(other.json<Created>().id).not.toBe(mine.json<Created>().id);
  });

  test('a malformed key is 400', async () => {
    expect((await create({ email: 'x@example.com' }, { 'idempotency-key': 'x'.repeat(300) })).status).toBe(
      400,
    );
  });
});

test('everything acknowledged is there after SIGKILL of the whole server and a new start', async () => {
  const dataDir = newFolder();
  const ids: string[] = [];
  try {
    {
      await using first = await startServer({ workers: 4, dataDir });
      const admin = await first.adminToken();
      const load = Array.from({ length: 8 }, async (_, client) => {
        for (let lead = 0; ; lead += 1) {
          const answer = await first
            .request('POST', '/api/leads', {
              token: admin,
              body: { email: `k${client}-${lead}@example.com` },
            })
            .catch(() => null);
          if (answer?.status !== 201) return;
          ids.push(answer.json<Created>().id);
          if (ids.length === 200) void first.stop('SIGKILL');
        }
      });
      await Promise.all(load);
      await first.child.exited;
    }
    await using second = await startServer({ workers: 2, dataDir });
    const admin = await second.adminToken();
    expect(ids.length).toBeGreaterThanOrEqual(200);
    for (const id of ids)
      expect((await second.request('GET', `/api/leads/${id}`, { token: admin })).status).toBe(200);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 60_000);
