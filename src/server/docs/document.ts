/**
 * The OpenAPI document: what @elysiajs/swagger reads off the routes, made exact. The plugin offers three content types
 * where the server takes one, loses some schemas, and knows nothing of the answers that plugins give for
 * every route; all that is set right here, once, so that no route repeats it.
 */
import { type AnyElysia, Elysia } from 'elysia';
import type { Access } from '@/platform/http/context.ts';
import { ERROR_RESPONSES, HEADERS, PROBLEM_SCHEMA, REQUEST_HEADERS, type RouteNotes } from './answers.ts';
import { type ExampleSchema, exampleOf } from './example.ts';

type Json = Record<string, unknown>;

interface Operation {
  [key: string]: unknown;
  parameters?: Json[];
  requestBody?: Json;
  responses?: Record<string, Json>;
}

export interface OpenApiDocument {
  [key: string]: unknown;
  paths: Record<string, Record<string, Operation>>;
}

const GENERATED = '/generated.json';
const JSON_TYPE = 'application/json';

const TAGS = [
  { name: 'auth', description: 'Log-in, one’s own account and API keys.' },
  { name: 'users', description: 'Users and their roles.' },
  { name: 'leads', description: 'Sales leads.' },
  { name: 'workflows', description: 'Versioned workflow definitions.' },
  { name: 'runs', description: 'Workflows being carried out, with every attempt.' },
  { name: 'crm', description: 'The connection to the CRM.' },
  { name: 'audit', description: 'The audit log and its backups.' },
  { name: 'admin', description: 'The configuration and state of the server.' },
  { name: 'monitoring', description: 'Health and metrics.' },
];

const DESCRIPTION = `Takes in sales leads and carries out durable workflows over them.

Log in with \`POST /api/auth/login\`, press **Authorize**, and paste the \`access_token\`; or use an API key.
Every refusal is a problem document (RFC 9457). Times are ISO 8601 in UTC.`;

/** The document of `routes`, which is an app without the plugins that would act on requests. */
export async function openApiDocument(routes: AnyElysia, version: string): Promise<OpenApiDocument> {
  const generated = await read(routes);
  const paths = Object.fromEntries(
    Object.entries(generated.paths)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, operations]) => [
        path,
        Object.fromEntries(
          Object.entries(operations).map(([method, operation]) => [
            method,
            exact(method, operation, detailOf(routes, path, method)),
          ]),
        ),
      ]),
  );
  const used = new Set(
    Object.values(paths).flatMap((operations) =>
      Object.values(operations).flatMap(({ tags }) => (Array.isArray(tags) ? tags : [])),
    ),
  );
  return {
    // 3.1, because its schemas are JSON Schema, as ours are.
    openapi: '3.1.0',
    info: {
      title: 'Automation Orchestrator',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'This server' }],
    tags: TAGS.filter(({ name }) => used.has(name)),
    paths: tidy(paths) as OpenApiDocument['paths'],
    components: {
      schemas: { Problem: PROBLEM_SCHEMA },
      headers: HEADERS,
      responses: Object.fromEntries(ERROR_RESPONSES.map(({ name, response }) => [name, response])),
      securitySchemes: {
        bearerAuth: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The access_token of a log-in.',
        },
        apiKey: {
          type: 'apiKey',
          in: 'header',
          name: 'X-API-Key',
          description: 'An API key, as shown once when it was made.',
        },
      },
    },
  };
}

async function read(routes: AnyElysia): Promise<OpenApiDocument> {
  // Only here: what it loads costs every start of a worker a tenth of its time.
  const { swagger } = await import('@elysiajs/swagger');
  const reader = new Elysia({ precompile: false })
    .use(swagger({ path: '/generated', specPath: GENERATED }))
    .use(routes);
  const answer: Response = await reader.handle(new Request(`http://localhost${GENERATED}`));
  return (await answer.json()) as OpenApiDocument;
}

/** What the route itself says in `detail`; the plugin lets its own guesses go before some of it. */
function detailOf(routes: AnyElysia, path: string, method: string): Json {
  const pattern = path.replaceAll(/\{([^}]+)\}/g, ':$1');
  const route = routes.routes.find((each) => each.path === pattern && each.method.toLowerCase() === method);
  return JSON.parse(JSON.stringify(route?.hooks.detail ?? {})) as Json;
}

function exact(method: string, described: Operation, detail: Json): Operation {
  const {
    'x-refusals': refusals = {},
    'x-headers': heeded = [],
    ...operation
  } = described as Operation & RouteNotes;
  const access = (operation['x-access'] ?? 'admin:read') as Access;
  const body = (detail.requestBody ?? operation.requestBody) as
    | { content?: Record<string, Json> }
    | undefined;
  const { parameters = [] } = operation;
  // What a route writes out by hand is exact already: answers that are not JSON, of which the plugin knows nothing.
  const written = (detail.responses ?? {}) as Record<string, Json>;
  const responses = Object.fromEntries(
    Object.entries({ ...(operation.responses ?? { 200: {} }), ...written }).map(([status, response]) => [
      status,
      written[status]
        ? { ...written[status], content: withExamples(written[status].content) }
        : exactResponse(status, response),
    ]),
  );
  const errors = ERROR_RESPONSES.filter(({ given }) =>
    given({
      access,
      takesBody: body !== undefined,
      takesInput: body !== undefined || parameters.length > 0,
      namesOne: parameters.some((parameter) => parameter.in === 'path'),
      writes: method !== 'get',
      conditional: heeded.includes('If-Match'),
      keyed: heeded.includes('Idempotency-Key'),
    }),
  ).map(({ status, name }): [string, Json] => [status, { $ref: `#/components/responses/${name}` }]);
  const noted = Object.entries(refusals).map(([status, description]): [string, Json] => {
    const known = ERROR_RESPONSES.find((response) => response.status === status);
    return [status, { ...known?.response, description }];
  });
  return {
    ...operation,
    parameters: [...parameters.map(exactParameter), ...heeded.map((name) => REQUEST_HEADERS[name])],
    ...(body ? { requestBody: { required: true, content: onlyJson(body.content) } } : {}),
    responses: { ...Object.fromEntries([...errors, ...noted]), ...responses },
  };
}

/** Only what a parameter may have: the plugin copies everything of its schema beside it. */
function exactParameter({ name, in: place, required, description, examples, schema = {} }: Json): Json {
  const { description: described = description, ...given } = schema as Json;
  const rest = examples === undefined ? given : { ...given, examples };
  return {
    name,
    in: place,
    required: required === true && !('default' in rest),
    ...(described === undefined ? {} : { description: described }),
    // Only of what must be given: Swagger UI fills it in, and a filter that nobody chose would hide things.
    ...(place === 'path' ? { example: exampleOf(rest, String(name)) } : {}),
    schema: rest,
  };
}

/** TypeBox writes records as a pattern that matches every name; readers and tools know `additionalProperties`. */
function tidy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidy);
  if (typeof value !== 'object' || value === null) return value;
  const { patternProperties, ...rest } = value as { patternProperties?: Json };
  const any = patternProperties?.['^(.*)$'];
  return Object.fromEntries(
    Object.entries(any === undefined ? value : { ...rest, additionalProperties: any }).map(([key, item]) => [
      key,
      tidy(item),
    ]),
  );
}
function onlyJson(content: Record<string, Json> | undefined): Record<string, Json> {
  return { [JSON_TYPE]: withExample(content?.[JSON_TYPE] ?? {}) };
}

const withExamples = (content: unknown): Json =>
  Object.fromEntries(
    Object.entries((content ?? {}) as Record<string, Json>).map(([type, media]) => [
      type,
      withExample(media),
    ]),
  );

/** Whole, so that no reader has to put it together from the examples of the fields. */
function withExample(media: Json): Json {
  const example = exampleOf((media.schema ?? {}) as ExampleSchema);
  return example === undefined ? media : { ...media, example };
}

const EMPTY = new Set(['204', '304']);
const REASONS: Record<string, string> = {
  200: 'Done.',
  201: 'Created.',
  202: 'Accepted.',
  204: 'Done; nothing to say.',
  304: 'Not changed since that version.',
};

function exactResponse(status: string, response: Json): Json {
  const description =
    typeof response.description === 'string' ? response.description : (REASONS[status] ?? 'Answer.');
  const content = response.content as Record<string, Json> | undefined;
  if (EMPTY.has(status) || content === undefined) return { description };
  return { description, content: onlyJson(content) };
}
