import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Type } from '@sinclair/typebox';
import { type Hardened, serveHardened } from '@test/support/hardened.ts';
import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';

const Lead = Type.Object({ id: Type.String(), extra: Type.Record(Type.String(), Type.Unknown()) });

const routes = () =>
  new Elysia({ prefix: '/api/leads', tags: ['leads'] })
    .use(accessControl)
    .post('', () => ({ id: 'x', extra: {} }), {
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
    .get('/open', () => 'text', { access: 'public' });

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { securitySchemes: Record<string, unknown> };
}
interface Operation {
  security: unknown[];
  parameters: Record<string, unknown>[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, { content?: Record<string, { schema: Record<string, unknown> }>; $ref?: string }>;
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
    expect(Object.keys(document.paths)).toEqual(['/api/leads', '/api/leads/open', '/api/leads/{id}']);
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
    expect(statuses('get', '/api/leads')).toEqual(['200', '400', '401', '422', '429', '500', '503']);
    expect(statuses('delete', '/api/leads/{id}')).toContain('404');
    expect(statuses('get', '/api/leads/open')).toEqual(['200', '500']);
  });

  test('has one content type, exact parameters, and no body where there is none', () => {
    const create = operation('post', '/api/leads');
    expect(Object.keys(create.requestBody?.content ?? {})).toEqual(['application/json']);
    expect(create.responses['201']?.content?.['application/json']?.schema).toMatchObject({
      properties: { extra: { type: 'object', additionalProperties: {} } },
    });
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

  test.each(['/api/docs/nothing', '/api/docs/..%2f..%2fpackage.json', '/api/docs/%2fetc%2fpasswd'])(
    '%s is 404',
    async (path) => {
      expect((await server.call('GET', path)).status).toBe(404);
    },
  );
});
