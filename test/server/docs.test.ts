import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { type TObject, Type } from '@sinclair/typebox';
import { type Hardened, serveHardened } from '@test/support/hardened.ts';
import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';
import { PERMISSIONS } from '@/server/composition.ts';
import { openApiDocument } from '@/server/docs/document.ts';

const Lead = Type.Object(
  {
    id: Type.String(),
    kind: Type.Union([Type.Literal('new'), Type.Literal('old')]),
    extra: Type.Record(Type.String(), Type.Unknown()),
  },
  { title: 'Lead', description: 'The lead.' },
);

const routes = () =>
  new Elysia({ prefix: '/api/leads', tags: ['leads'] })
    .use(accessControl)
    .post('', () => ({ id: 'x', kind: 'new' as const, extra: {} }), {
      access: 'leads:write',
      body: Type.Object({ name: Type.Union([Type.String({ examples: ['Ada'] }), Type.Null()]) }),
      response: { 201: Lead },
      detail: { operationId: 'createLead', summary: 'Create', description: 'Creates a lead.' },
    })
    .get('', () => [], {
      access: 'authenticated',
      query: Type.Object({ skip: Type.Integer({ default: 0, description: 'Pass over.' }) }),
      response: { 200: Type.Array(Lead) },
    })
    .delete('/:id', ({ status }) => status(204, undefined), {
      access: 'leads:write',
      params: Type.Object({ id: Type.String({ format: 'uuid', description: 'Which.' }) }),
      response: { 204: Type.Void() },
    })
    .get('/open', () => 'text', { access: 'public' })
    .get('/all', () => [], { access: 'leads:read', response: { 200: Type.Array(Lead) } })
    .put('/:id', () => ({ id: 'x', kind: 'old' as const, extra: {} }), {
      access: 'leads:write',
      params: Type.Object({ id: Type.String({ maxLength: 9, 'x-id-of': 'lead' }) }),
      body: Type.Object({ name: Type.String() }, { title: 'LeadInput' }),
      response: { 200: Lead },
      detail: {
        'x-headers': ['If-Match'],
        'x-refusals': { 409: 'The lead is locked.' },
        responses: {
          200: { description: 'Old.', content: { 'application/json': { example: { kind: 'old' } } } },
        },
      },
    });

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { securitySchemes: Record<string, unknown>; schemas: Record<string, Record<string, unknown>> };
}
interface Operation {
  security: unknown[];
  parameters: Record<string, unknown>[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, Answer>;
}

interface Answer {
  description?: string;
  content?: Record<string, { schema: Record<string, unknown>; example?: Record<string, unknown> }>;
  $ref?: string;
}

let server: Hardened;
let document: Document;
beforeAll(async () => {
  server = serveHardened(routes);
  document = (await (await server.call('GET', '/api/openapi.json')).json()) as Document;
});
afterAll(() => server.stop());

const operation = (method: string, path: string): Operation => {
  const found = document.paths[path]?.[method];
  if (!found) throw new Error(`${method} ${path} is not in the document`);
  return found;
};

describe('the OpenAPI document', () => {
  test('is valid', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate({ ...structuredClone(document) });
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
  });

  test('describes the routes, and not those that serve the documentation', () => {
    expect(Object.keys(document.paths)).toEqual([
      '/api/leads',
      '/api/leads/open',
      '/api/leads/all',
      '/api/leads/{id}',
    ]);
  });

  test('offers both ways to authenticate where a route asks for it', () => {
    expect(Object.keys(document.components.securitySchemes)).toEqual(['bearerAuth', 'apiKey']);
    expect(operation('post', '/api/leads').security).toEqual([{ bearerAuth: [] }, { apiKey: [] }]);
    expect(operation('get', '/api/leads/open').security).toEqual([]);
  });

  test('says which refusals each route may give', () => {
    const statuses = (method: string, path: string) => Object.keys(operation(method, path).responses);
    expect(statuses('post', '/api/leads')).toEqual([
      '201',
      '400',
      '401',
      '403',
      '413',
      '415',
      '422',
      '429',
      '500',
      '503',
      '507',
    ]);
    expect(statuses('get', '/api/leads')).toEqual(['200', '401', '422', '429', '500', '503']);
    // Every role may read leads.
    expect(statuses('get', '/api/leads/all')).toEqual(['200', '401', '429', '500', '503']);
    expect(statuses('delete', '/api/leads/{id}')).toContain('404');
    expect(statuses('get', '/api/leads/open')).toEqual(['200', '500']);
    expect(statuses('put', '/api/leads/{id}')).toEqual(
      expect.arrayContaining(['400', '404', '409', '412', '422']),
    );
  });

  test('gives each answer an example that fits the route', () => {
    const example = (method: string, path: string, status: string) => {
      const { content = {} } = operation(method, path).responses[status] ?? {};
      return Object.values(content)[0]?.example;
    };
    const change = (status: string) => example('put', '/api/leads/{id}', status);
    expect(change('200')).toEqual({ id: expect.any(String), kind: 'old', extra: {} });
    expect(change('404')).toMatchObject({
      status: 404,
      detail: 'There is no lead 0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77.',
      instance: '/api/leads/0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77',
    });
    expect(change('409')).toMatchObject({ status: 409, title: 'Conflict', detail: 'The lead is locked.' });
    expect(change('422')).toMatchObject({
      errors: [{ in: 'body', path: '/name', message: 'Required, but missing' }],
    });
    expect(change('403')).toMatchObject({
      detail: 'This needs the permission leads:write, which the role viewer does not have.',
    });
    expect(example('get', '/api/leads', '422')).toMatchObject({ errors: [{ in: 'query', path: '/skip' }] });
    expect(operation('put', '/api/leads/{id}').responses['409']?.description).toBe('The lead is locked.');
    expect(operation('put', '/api/leads/{id}').responses['200']?.description).toBe('Old.');
    expect(operation('post', '/api/leads').responses['201']?.description).toBe('The lead.');
  });

  test('names a schema once, and refers to it wherever it stands', () => {
    expect(Object.keys(document.components.schemas)).toEqual(['Lead', 'LeadInput', 'Problem']);
    expect(document.components.schemas.Lead).toMatchObject({
      properties: {
        kind: { type: 'string', enum: ['new', 'old'] },
        extra: { type: 'object', additionalProperties: {} },
      },
    });
    const schemas = [
      operation('post', '/api/leads').responses['201'],
      operation('get', '/api/leads/all').responses['200'],
    ].map((answer) => answer?.content?.['application/json']?.schema);
    const reference = { $ref: '#/components/schemas/Lead' };
    expect(schemas).toEqual([reference, { type: 'array', items: reference }]);
  });

  test('does not come to be when two schemas that differ have one name', async () => {
    const named = (schema: TObject) => new Elysia().get('/', () => ({}), { response: { 200: schema } });
    const other = Type.Object({ other: Type.String() }, { title: 'Lead' });
    const both = new Elysia().use(routes()).group('/other', (app) => app.use(named(other)));
    const making = openApiDocument({ routes: both, version: '1', tags: [], permissions: PERMISSIONS });
    await expect(making).rejects.toThrow('two schemas that differ have the title Lead');
  });

  test('has its tags in the order in which they are needed, and what removes a thing after all that need it', async () => {
    const route = (tag: string) => ({ detail: { tags: [tag] } });
    const app = new Elysia()
      .get('/late', () => '', route('late'))
      .delete('/things/:id', () => '', route('early'))
      .post('/things', () => '', route('early'))
      .get('/unknown', () => '', route('unknown'))
      .post('/things/:id/act', () => '', route('early'));
    const tag = (name: string, order: number) => ({ name, order, description: `All about ${name}.` });
    const made = await openApiDocument({
      routes: app,
      version: '1',
      permissions: PERMISSIONS,
      tags: [tag('late', 2), tag('never', 3), tag('early', 1)],
    });
    expect(Object.keys(made.paths)).toEqual([
      '/things',
      '/things/{id}/act',
      '/things/{id}',
      '/late',
      '/unknown',
    ]);
    expect(made.tags).toEqual([
      { name: 'early', description: 'All about early.' },
      { name: 'late', description: 'All about late.' },
      { name: 'unknown' },
    ]);
  });

  test('has one content type, exact parameters, and no body where there is none', () => {
    const create = operation('post', '/api/leads');
    expect(Object.keys(create.requestBody?.content ?? {})).toEqual(['application/json']);
    expect(operation('delete', '/api/leads/{id}').responses['204']?.content).toBeUndefined();
    expect(operation('get', '/api/leads').parameters).toEqual([
      {
        name: 'skip',
        in: 'query',
        required: false,
        description: 'Pass over.',
        schema: { type: 'integer', default: 0 },
      },
    ]);
    expect(operation('delete', '/api/leads/{id}').parameters).toEqual([
      {
        name: 'id',
        in: 'path',
        required: true,
        description: 'Which.',
        example: '0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77',
        schema: { type: 'string', format: 'uuid' },
      },
    ]);
  });
});

describe('Swagger UI', () => {
  test('comes whole from this server, under a strict policy', async () => {
    const page = await server.call('GET', '/api/docs');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    const html = await page.text();
    expect(html).not.toMatch(/https?:\/\//);
    const parts = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    expect(parts).toHaveLength(4);
    for (const path of parts) {
      const part = await server.call('GET', path);
      expect([path, part.status]).toEqual([path, 200]);
      expect((await part.arrayBuffer()).byteLength).toBeGreaterThan(100);
    }
  });

  test('is kept for good by the hash of each part, and asked for again otherwise', async () => {
    const ask = (path: string, headers: Record<string, string> = {}) =>
      fetch(`${server.url}${path}`, { headers, decompress: false });
    const html = await (await ask('/api/docs')).text();
    const address = /"(\/api\/docs\/swagger-ui-bundle\.js\?v=[0-9a-f]{16})"/.exec(html)?.[1] ?? '';
    const zipped = await ask(address, { 'accept-encoding': 'gzip' });
    expect(Object.fromEntries(zipped.headers)).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-encoding': 'gzip',
      vary: 'accept-encoding',
    });
    const plain = await ask(address, { 'accept-encoding': 'identity' });
    const bytes = new Uint8Array(await zipped.arrayBuffer());
    expect(Buffer.from(Bun.gunzipSync(bytes)).equals(Buffer.from(await plain.arrayBuffer()))).toBe(true);
    expect(zipped.headers.get('etag')).not.toBe(plain.headers.get('etag'));
    for (const path of ['/api/docs', '/api/docs/start.js', '/api/docs/start.js?v=old', '/api/openapi.json']) {
      const first = await ask(path, { 'accept-encoding': 'gzip' });
      expect([path, first.headers.get('cache-control')]).toEqual([path, 'no-cache']);
      const again = await ask(path, { 'if-none-match': first.headers.get('etag') ?? '' });
      expect([path, again.status]).toEqual([path, 304]);
    }
    expect(await fetch(`${server.url}${address}`, { method: 'HEAD', decompress: false })).toMatchObject({
      status: 200,
    });
  });

  test('is where a browser is led to from /; programs are told where things are', async () => {
    const page = await server.call('GET', '/', { headers: { accept: 'text/html,*/*;q=0.8' } });
    expect([page.status, page.headers.get('location'), page.headers.get('vary')]).toEqual([
      302,
      '/api/docs',
      'accept',
    ]);
    const told = await server.call('GET', '/', { headers: { accept: '*/*' } });
    expect([told.status, told.headers.get('vary')]).toEqual([200, 'accept']);
    expect(await told.json()).toEqual({
      name: 'automation-orchestrator',
      docs: '/api/docs',
      openapi: '/api/openapi.json',
      health: '/health',
    });
    expect(server.taken).toEqual([]);
  });

  test.each(['/api/docs/nothing', '/api/docs/..%2f..%2fpackage.json', '/api/docs/%2fetc%2fpasswd'])(
    '%s is 404',
    async (path) => {
      expect((await server.call('GET', path)).status).toBe(404);
    },
  );
});
