/**
 * One operation of the API document, made exact. @elysiajs/swagger offers three content types where the server takes
 * one, loses some schemas, and knows nothing of the answers that plugins give for every route.
 */
import { type Access, isOpen } from '@/platform/http/context.ts';
import type { InputDeclaration } from '@/platform/http/input.ts';
import { DEFAULT_ACCESS } from '@/platform/http/routes.ts';
import type { Permission, Permissions } from '@/platform/identity/permissions.ts';
import { ROLES } from '@/platform/identity/roles.ts';
import { type Json, REQUEST_HEADERS, type RouteNotes } from './answers.ts';
import { type ExampleSchema, exampleOf } from './example.ts';
import { filledIn, type OperationFacts, refusalsOf } from './refusals.ts';
import { requestMedia } from './request_media.ts';
import { type NamedSchemas, plain, withoutObjectDefaults } from './schemas.ts';

/** As the plugin describes it. */
export interface Operation {
  [key: string]: unknown;
  tags?: string[];
  parameters?: Json[];
  responses?: Record<string, Json>;
}

/** What a route says of itself, as JSON. */
export interface RouteSchemas {
  readonly body: Json | null;
  /** By status. */
  readonly answers: Readonly<Record<string, Json>>;
  /** What stands in `detail`, of which the plugin overwrites some. */
  readonly requestBody?: { readonly content?: Readonly<Record<string, Json>> };
  readonly responses?: Readonly<Record<string, Json>>;
}

export interface Surroundings {
  readonly permissions: Pick<Permissions, 'may'>;
  readonly schemas: NamedSchemas;
}

const JSON_TYPE = 'application/json';
const EMPTY = new Set(['204', '304']);
const REASONS: Readonly<Record<string, string>> = {
  200: 'Done.',
  201: 'Created.',
  202: 'Accepted.',
  204: 'Done; nothing to say.',
  304: 'Not changed since that version.',
};

export function exactOperation(
  method: string,
  path: string,
  described: Operation,
  route: RouteSchemas,
  { permissions, schemas }: Surroundings,
): Operation {
  const {
    'x-refusals': refusals = {},
    'x-headers': heeds = [],
    'x-access': _,
    'x-input': declared,
    requestBody: __,
    ...operation
  } = described as Operation & RouteNotes & { 'x-input'?: InputDeclaration };
  const access = (described['x-access'] ?? DEFAULT_ACCESS) as Access;
  const { content = undefined } = route.requestBody ?? {};
  const body = content?.[JSON_TYPE]?.schema ?? route.body;
  const exactBody = body ? plain(body as Json) : declared ? {} : null;
  const parameters = (operation.parameters ?? []).map(exactParameter);
  const facts: OperationFacts = {
    path: filledIn(path, parameters),
    access,
    refusedRole: ROLES.find((role) => isPermission(access) && !permissions.may(role, access)) ?? null,
    body: exactBody,
    parameters,
    writes: method !== 'get',
    heeds,
  };
  const statuses = new Set([...Object.keys(route.answers), ...Object.keys(route.responses ?? {})]);
  if (statuses.size === 0) statuses.add('200');
  const answers = [...statuses].map((status): [string, Json] => [
    status,
    answer(status, route.answers[status], route.responses?.[status] ?? {}, schemas),
  ]);
  return {
    ...operation,
    parameters: [
      ...parameters.map(({ schema, ...rest }) => ({ ...rest, schema: schemas.refer(schema as Json) })),
      ...heeds.map((name) => REQUEST_HEADERS[name]),
    ],
    ...(exactBody && {
      requestBody: {
        required: true,
        content: requestMedia(declared, body ? { [JSON_TYPE]: media(exactBody, {}, schemas) } : {}),
      },
    }),
    responses: { ...refusalsOf(facts, refusals), ...Object.fromEntries(answers) },
  };
}

const isPermission = (access: Access): access is Permission => !isOpen(access) && access !== 'authenticated';

/** Only what a parameter may have: the plugin copies everything of its schema beside it. */
function exactParameter({ name, in: place, required, description, examples, schema = {} }: Json): Json {
  const { description: described = description, ...given } = schema as Json;
  const rest = plain(examples === undefined ? given : { ...given, examples });
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

/** `written` is what the route writes out by hand: answers that are not JSON, and examples that fit better. */
function answer(status: string, schema: Json | undefined, written: Json, schemas: NamedSchemas): Json {
  const description = written.description ?? schema?.description ?? REASONS[status] ?? 'Answer.';
  const types = (written.content ?? {}) as Record<string, Json>;
  if (EMPTY.has(status)) return { description };
  const derived = schema && withoutObjectDefaults(plain(schema));
  const content = Object.entries(types).map(([type, given]) => [
    type,
    media((given.schema as Json | undefined) ?? derived ?? {}, given, schemas),
  ]);
  if (content.length > 0) return { description, content: Object.fromEntries(content) };
  return derived ? { description, content: { [JSON_TYPE]: media(derived, {}, schemas) } } : { description };
}

const isFields = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** With a whole example, so that no reader has to put it together from those of the fields. */
function media(schema: Json, given: Json, schemas: NamedSchemas): Json {
  const made = plain(schema);
  const whole = exampleOf(made as ExampleSchema);
  const example =
    isFields(whole) && isFields(given.example) ? { ...whole, ...given.example } : (given.example ?? whole);
  return { ...given, schema: schemas.refer(made), ...(example === undefined ? {} : { example }) };
}
