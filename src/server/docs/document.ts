/**
 * The OpenAPI document: what @elysiajs/swagger reads off the routes, made exact, once, so that no route repeats
 * what holds for all. Its order is that in which somebody new would try things: the tags by their `order`; in a tag, the
 * routes as they were written, but what removes a thing after all that need it.
 */
import { Kind } from '@sinclair/typebox';
import { type AnyElysia, Elysia } from 'elysia';
import type { ApiTag } from '@/platform/module/module.ts';
import { HEADERS, type Json, PROBLEM_SCHEMA } from './answers.ts';
import { exactOperation, type Operation, type RouteSchemas, type Surroundings } from './operation.ts';
import { sharedRefusals } from './refusals.ts';
import { NamedSchemas, plain } from './schemas.ts';

type Paths = Record<string, Record<string, Operation>>;

export interface OpenApiDocument {
  [key: string]: unknown;
  paths: Paths;
}

export interface DocumentOptions extends Pick<Surroundings, 'permissions'> {
  /** The routes to describe: an app without the plugins that would act on requests. */
  readonly routes: AnyElysia;
  readonly version: string;
  readonly tags: readonly ApiTag[];
}

const GENERATED = '/generated.json';

const DESCRIPTION = `Takes in sales leads and carries out durable workflows over them.

Run \`POST /api/auth/login\` below: this page then sends the token with every request, until it expires or the tab is
closed. Programs send it as \`Authorization: Bearer …\`, or an API key as \`X-API-Key\`.
Every refusal is a problem document (RFC 9457). Times are ISO 8601 in UTC.`;

export async function openApiDocument(options: DocumentOptions): Promise<OpenApiDocument> {
  const { routes, version, permissions } = options;
  const generated = await read(routes);
  const schemas = new NamedSchemas();
  schemas.refer(plain(asJson(PROBLEM_SCHEMA)));
  const tags = options.tags.toSorted((a, b) => a.order - b.order);
  const paths = Object.fromEntries(
    inOrder(generated.paths, tags).map((path) => [
      path,
      Object.fromEntries(
        Object.entries(generated.paths[path] ?? {}).map(([method, operation]) => [
          method,
          exactOperation(method, path, operation, schemasOf(routes, path, method), { permissions, schemas }),
        ]),
      ),
    ]),
  );
  const used = new Set(Object.values(paths).flatMap(tagsOf));
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
    tags: [
      ...tags.filter(({ name }) => used.has(name)).map(({ name, description }) => ({ name, description })),
      ...[...used].filter((name) => !tags.some((tag) => tag.name === name)).map((name) => ({ name })),
    ],
    paths,
    components: {
      schemas: schemas.all(),
      headers: HEADERS,
      responses: usedRefusals(paths),
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

const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

function schemasOf(routes: AnyElysia, path: string, method: string): RouteSchemas {
  const pattern = path.replaceAll(/\{([^}]+)\}/g, ':$1');
  const route = routes.routes.find((each) => each.path === pattern && each.method.toLowerCase() === method);
  const { body, response, detail } = route?.hooks ?? {};
  const answers = response && Kind in response ? { 200: response } : response;
  return {
    ...asJson(detail ?? {}),
    body: body ? asJson(body) : null,
    answers: asJson(answers ?? {}) as Record<string, Json>,
  };
}

const tagsOf = (operations: Record<string, Operation>): string[] =>
  Object.values(operations).flatMap(({ tags = [] }) => tags);

function inOrder(paths: Paths, tags: readonly ApiTag[]): string[] {
  const rank = (path: string): number => {
    const [tag] = tagsOf(paths[path] ?? {});
    const found = tags.findIndex(({ name }) => name === tag);
    return found === -1 ? tags.length : found;
  };
  const all = Object.keys(paths).toSorted((a, b) => rank(a) - rank(b));
  for (const path of all.filter((each) => paths[each]?.delete)) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    const needs = (other: string) =>
      other !== path && rank(other) === rank(path) && (other === parent || other.startsWith(`${parent}/`));
    const [removing = path] = all.splice(all.indexOf(path), 1);
    const last = all.findLastIndex(needs);
    all.splice(
      last === -1 ? all.findLastIndex((each) => rank(each) <= rank(path)) + 1 : last + 1,
      0,
      removing,
    );
  }
  return all;
}

/** Only those that are referred to. */
function usedRefusals(paths: Paths): Record<string, Json> {
  const text = JSON.stringify(paths);
  return Object.fromEntries(
    Object.entries(sharedRefusals()).filter(([name]) => text.includes(`"#/components/responses/${name}"`)),
  );
}
