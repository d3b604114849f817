/** The API document of the real server: valid, complete, and with an example of everything that fits what it is an example of. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { type RunningServer, startServer } from '@test/support/server.ts';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

interface Operation {
  readonly summary?: string;
  readonly tags?: string[];
  readonly operationId?: string;
  readonly security?: object[];
  readonly parameters?: { name: string; description?: string; example?: unknown; schema: Schema }[];
  readonly requestBody?: { content: Content };
  readonly responses: Record<string, Answer>;
}
interface Answer {
  readonly $ref?: string;
  readonly description?: string;
  readonly content?: Content;
}
type Content = Record<string, { schema: Schema; example?: unknown }>;
interface Schema {
  [keyword: string]: unknown;
  examples?: unknown[];
}
interface Document {
  readonly openapi: string;
  readonly tags: { name: string; description?: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    securitySchemes: object;
    schemas: Record<string, Schema>;
    responses: Record<string, Answer>;
  };
}

let server: RunningServer;
let document: Document;
let operations: (Operation & { readonly name: string })[];

beforeAll(async () => {
  server = await startServer({ workers: 1 });
  document = (await server.request('GET', '/api/openapi.json')).json<never>();
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
  );
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

/** One of this route, or the one of all routes that it refers to. */
const answerOf = ({ $ref, ...answer }: Answer): Answer =>
  $ref === undefined ? answer : (document.components.responses[$ref.split('/').at(-1) ?? ''] ?? {});

/** The named schema that one refers to. */
const named = ({ $ref }: Schema): Schema =>
  typeof $ref === 'string' ? (document.components.schemas[$ref.split('/').at(-1) ?? ''] ?? {}) : {};

/** What says nothing about what an answer is. */
const EMPTY_WORDS = /^(Done|Created|Accepted|Answer|Success|OK)\b/;

test('it is valid OpenAPI 3, and says of every operation what it is for', async () => {
  const result = await new Validator().validate(structuredClone({ ...document }));
  expect(result.errors ?? []).toEqual([]);
  expect(result.valid).toBe(true);
  expect(document.openapi).toStartWith('3.');
  expect(Object.keys(document.components.securitySchemes).toSorted()).toEqual(['apiKey', 'bearerAuth']);
  expect(operations.length).toBeGreaterThan(30);
  for (const { name, summary, tags, security, responses, parameters = [] } of operations) {
    expect([name, summary, tags, security]).toEqual([
      name,
      expect.any(String),
      [expect.any(String)],
      expect.any(Array),
    ]);
    const statuses = Object.keys(responses);
    expect([name, statuses.some((status) => /^[23]/.test(status))]).toEqual([name, true]);
    if (security?.length) expect([name, ...statuses]).toEqual(expect.arrayContaining(['401', '429']));
    for (const { name: parameter, description, example, schema: given } of parameters) {
      const schema = { ...named(given), ...given };
      expect([name, parameter, description]).toEqual([name, parameter, expect.any(String)]);
      const shown = example ?? schema.examples?.[0] ?? schema.default;
      const chosen = schema.enum !== undefined || schema.type === 'boolean';
      expect([name, parameter, shown !== undefined || chosen]).toEqual([name, parameter, true]);
    }
  }
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
});

test('every answer is described by what it is, with an example that fits it', () => {
  const ajv = new Ajv2020({ strict: false });
  addFormats(ajv);
  for (const { name, requestBody, responses } of operations) {
    const answers = Object.entries(responses).map(([status, answer]) => [status, answerOf(answer)] as const);
    for (const [status, { description, content = {} }] of answers) {
      expect([name, status, description]).toEqual([name, status, expect.not.stringMatching(EMPTY_WORDS)]);
      const { example } = content['application/problem+json'] ?? {};
      if (Number(status) >= 400 && !('application/json' in content))
        expect([name, status, example]).toEqual([
          name,
          status,
          expect.objectContaining({ status: Number(status) }),
        ]);
    }
    const contents = [requestBody?.content, ...answers.map(([, { content }]) => content)];
    for (const [type, { schema, example }] of contents.flatMap((content) => Object.entries(content ?? {}))) {
      if (!/^application\/(problem\+)?json$/.test(type)) continue;
      const fits = ajv.compile({ ...schema, components: document.components });
      fits(example);
      expect([name, example !== undefined, fits.errors ?? []]).toEqual([name, true, []]);
    }
  }
});

test('what somebody new needs comes first, and each group says what it is about', () => {
  expect(operations[0]?.name).toBe('post /api/auth/login');
  expect(operations.at(-1)?.name).toBe('post /api/auth/logout');
  expect(document.tags.map(({ name }) => name)).toEqual([
    ...new Set(operations.map(({ tags }) => tags?.[0] ?? '')),
  ]);
  for (const tag of document.tags) expect(tag).toEqual({ name: tag.name, description: expect.any(String) });
});

test('schemas have names, for generated clients, and stand in one place', () => {
  expect(Object.keys(document.components.schemas)).toEqual(
    expect.arrayContaining([
      'ApiKey',
      'Lead',
      'LeadInput',
      'Problem',
      'Run',
      'User',
      'Workflow',
      'WorkflowInput',
    ]),
  );
  const inline = [...JSON.stringify(document.paths).matchAll(/"title":"([A-Z][A-Za-z]*)"/g)].map(
    ([, name]) => name,
  );
  expect(inline.filter((name) => name !== undefined && name in document.components.schemas)).toEqual([]);
  for (const { name, requestBody } of operations) {
    const schema = requestBody?.content['application/json']?.schema;
    if (schema) expect([name, schema]).toEqual([name, { $ref: expect.any(String) }]);
  }
});

test('no operation lists a refusal that it cannot give', () => {
  const statusesOf = (name: string) =>
    Object.keys(operations.find((operation) => operation.name === name)?.responses ?? {});
  const without = (name: string, ...statuses: string[]) =>
    expect([name, ...statusesOf(name).filter((status) => statuses.includes(status))]).toEqual([name]);
  without('get /api/auth/me', '400', '403', '404', '409', '412', '413', '415', '422', '507');
  without('get /api/leads', '400', '403', '404', '409', '412', '413', '415', '507');
  without('post /api/leads', '404', '412');
  without('put /api/leads/{id}', '409');
  without('get /api/status', '400', '401', '403', '404', '422', '429', '503');
  without('post /api/auth/login', '403', '404', '409', '412');
  without('get /api/crm/status', '403', '404', '422');
  for (const { name, responses } of operations)
    if (!name.includes('{') && !['get /api/crm/config', 'post /api/workflows/trigger'].includes(name))
      expect([name, '404' in responses]).toEqual([name, false]);
});
