import { beforeAll, describe, expect, test } from 'bun:test';
import { sqliteOpener } from '@test/support/databases.ts';
import { testEngine } from '@test/support/engine.ts';
import { Elysia } from 'elysia';
import { connectorRoutes } from '@/features/connectors/routes.ts';
import { runRoutes } from '@/features/runs/routes.ts';
import { workflowRoutes } from '@/features/workflows/routes.ts';
import { Problem } from '@/platform/errors/problem.ts';
import { contextOf, setContext } from '@/platform/http/context.ts';
import { RouteTable } from '@/platform/http/routes.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { admission } from '@/server/plugins/admission.ts';
import { input } from '@/server/plugins/input.ts';

const open = sqliteOpener();
let call: (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<{ status: number; headers: Headers; json: Record<string, unknown> }>;

beforeAll(async () => {
  const engine = testEngine(await open());
  const routes = new RouteTable();
  const app = new Elysia({ normalize: false })
    .onRequest(({ request }) => {
      setContext(request, {
        requestId: 'r',
        startedAt: 0,
        log: silentLogger,
        address: '192.0.2.9',
        principal: null,
        responseHeaders: {},
        route: null,
        admit: async (route) => {
          contextOf(request).route = route;
        },
      });
    })
    .onError(({ error, set, code }) => {
      set.status = error instanceof Problem ? error.status : code === 'VALIDATION' ? 422 : 500;
      return error instanceof Problem
        ? { detail: error.detail, errors: error.errors }
        : { error: String(error) };
    })
    .use(admission({ routes }))
    .use(input({ config: engine.config, routes }))
    .use(workflowRoutes(engine))
    .use(runRoutes(engine))
    .use(connectorRoutes(engine));
  routes.fill(app);
  call = async (method, path, body, headers = {}) => {
    const response = await app.handle(
      new Request(`http://localhost${path}`, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body),
      }),
    );
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: text ? JSON.parse(text) : {} };
  };
});

const definition = (over: object = {}) => ({
  name: 'w',
  trigger: 'manual',
  steps: [{ id: 'rest', type: 'delay', duration_ms: 5 }],
  ...over,
});

describe('the routes of workflows', () => {
  test('create, read, change and delete one, with ETags', async () => {
    const made = await call('POST', '/api/workflows', definition());
    expect(made.status).toBe(201);
    expect(made.headers.get('etag')).toBe('"1"');
    const path = made.headers.get('location') ?? '';
    const read = await call('GET', path);
    expect(read.json).toEqual(made.json);
    expect(read.json.steps).toEqual(definition().steps);
    expect((await call('GET', path, undefined, { 'if-none-match': '"1"' })).status).toBe(304);
    const changed = await call('PUT', path, definition({ name: 'new' }), { 'if-match': '"1"' });
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"2"']);
    expect((await call('PUT', path, definition(), { 'if-match': '"1"' })).status).toBe(412);
    expect((await call('GET', `${path}/versions/1`)).json).toMatchObject({ name: 'w', version: 1 });
    expect((await call('GET', `${path}/versions/9`)).status).toBe(404);
    expect((await call('GET', '/api/workflows?limit=1')).json).toMatchObject({ total: 1, limit: 1 });
    expect((await call('DELETE', path)).status).toBe(204);
    expect((await call('GET', path)).status).toBe(404);
  });

  test('answer 422 with the pointer of what is wrong', async () => {
    const refused = await call('POST', '/api/workflows', definition({ steps: [{ id: 'a', type: 'nope' }] }));
    expect(refused.status).toBe(422);
    expect(refused.json.errors).toEqual([
      { in: 'body', path: '/steps/0/type', message: expect.stringContaining('unknown step type') },
    ]);
    expect((await call('POST', '/api/workflows', definition({ steps: [] }))).status).toBe(422);
    expect((await call('POST', '/api/workflows', definition({ speed: 1 }))).status).toBe(422);
    expect((await call('POST', '/api/workflows', definition({ trigger: 'moon' }))).status).toBe(422);
  });
});

describe('the routes of runs', () => {
  test('start one by hand, once for each key, and show it', async () => {
    const { json: workflow } = await call('POST', '/api/workflows', definition());
    const body = { workflow_id: workflow.id, custom_context: { a: 1 } };
    const first = await call('POST', '/api/workflows/trigger', body, { 'idempotency-key': 'k1' });
    expect(first.status).toBe(202);
    expect(first.json).toMatchObject({ workflow_id: workflow.id, status: 'triggered' });
    const again = await call('POST', '/api/workflows/trigger', body, { 'idempotency-key': 'k1' });
    expect(again.json).toEqual(first.json);
    const status = await call('GET', `/api/workflows/${workflow.id}/status`);
    expect(status.json).toEqual({
      workflow_id: workflow.id,
      status: 'active',
      execution_count: 1,
      last_execution: { execution_id: first.json.execution_id, status: 'queued', completed_at: null },
    });
    const run = await call('GET', first.headers.get('location') ?? '');
    expect(run.json).toMatchObject({ status: 'queued', custom_context: { a: 1 }, attempts: [] });
    const page = await call('GET', `/api/runs?workflow_id=${workflow.id}`);
    expect(page.json).toMatchObject({ runs: [{ id: first.json.execution_id }], next_cursor: null });
    expect((await call('POST', `/api/runs/${first.json.execution_id}/cancel`)).json.status).toBe('cancelled');
    expect((await call('POST', `/api/runs/${first.json.execution_id}/cancel`)).status).toBe(409);
  });

  test('answer 404 for what is not there and 409 for a disabled workflow', async () => {
    for (const [method, path, body] of [
      ['POST', '/api/workflows/trigger', { workflow_id: 'nothing' }],
      ['GET', '/api/workflows/nothing/status'],
      ['GET', '/api/runs/nothing'],
      ['POST', '/api/runs/nothing/cancel'],
    ] as const) {
      expect((await call(method, path, body)).status).toBe(404);
    }
    const { json: off } = await call('POST', '/api/workflows', definition({ enabled: false }));
    expect((await call('POST', '/api/workflows/trigger', { workflow_id: off.id })).status).toBe(409);
    const lead = { workflow_id: off.id, lead_id: 'nothing' };
    expect((await call('POST', '/api/workflows/trigger', lead)).status).toBe(404);
  });

  test('page through runs, newest first', async () => {
    const { json: workflow } = await call('POST', '/api/workflows', definition());
    const ids: unknown[] = [];
    for (let n = 0; n < 5; n++) {
      ids.unshift(
        (await call('POST', '/api/workflows/trigger', { workflow_id: workflow.id })).json.execution_id,
      );
    }
    const seen: unknown[] = [];
    let next: unknown = '';
    while (next !== null) {
      const { json } = await call(
        'GET',
        `/api/runs?workflow_id=${workflow.id}&limit=2${next ? `&cursor=${next}` : ''}`,
      );
      seen.push(...(json.runs as { id: string }[]).map(({ id }) => id));
      next = json.next_cursor;
    }
    expect(seen).toEqual(ids);
  });
});

describe('the routes of the CRM', () => {
  test('take a configuration, show it without credentials, and tell its status', async () => {
    expect((await call('GET', '/api/crm/config')).status).toBe(404);
    expect((await call('GET', '/api/crm/status')).json).toMatchObject({ status: 'not_configured' });
    const body = {
      method: 'POST',
      url: 'http://127.0.0.1:1/c',
      body: { mail: '{{lead.email}}' },
      id_path: 'id',
      status_url: 'http://127.0.0.1:1/',
      auth: { type: 'bearer', token: 'very secret' },
    };
    const set = await call('POST', '/api/crm/config', body);
    expect(set.status).toBe(200);
    expect(set.json).toMatchObject({ body: body.body, auth: { type: 'bearer', configured: true } });
    expect(JSON.stringify(set.json)).not.toContain('very secret');
    expect((await call('GET', '/api/crm/config')).json).toEqual(set.json);
    expect((await call('GET', '/api/crm/status')).json).toMatchObject({ status: 'unavailable' });
    expect((await call('POST', '/api/crm/config', { ...body, auth: { type: 'magic' } })).status).toBe(422);
    expect((await call('POST', '/api/crm/config', { ...body, speed: 1 })).status).toBe(422);
  });
});
