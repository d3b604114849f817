/** Values for fast-check that fit a JSON Schema, and requests that fit an operation, well or badly. */
import fc from 'fast-check';
import type { Operation, Schema } from './openapi.ts';

/** Nobody is called in tests: whatever is to be a URL leads to a port on which nothing listens. */
const URLS = ['http://127.0.0.1:9/{{lead.id}}', 'https://127.0.0.1:9/'];
const ODD = [
  '',
  ' ',
  '..',
  '%00',
  '\u0000',
  '\ud800',
  '{{lead.email}}',
  "' OR 1=1 --",
  '\u202e',
  '9'.repeat(400),
];
const ODD_NUMBERS = [0, -1, 1e308, 2 ** 53, 0.1, -0, Number.MAX_SAFE_INTEGER];

const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(...ODD, ...ODD_NUMBERS, null, [], {}, { constructor: { prototype: 1 } }),
);

function text({ pattern, format, minLength = 0, maxLength = 40, examples }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid();
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (typeof pattern === 'string' && pattern.startsWith('^https?')) return fc.constantFrom(...URLS);
  const like = Array.isArray(examples) ? examples.filter((each) => typeof each === 'string') : [];
  if (like.length > 0) return fc.constantFrom(...like);
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern));
  return fc.string({ minLength: Number(minLength), maxLength: Math.min(Number(maxLength), 40) });
}

function object(schema: Schema): fc.Arbitrary<unknown> {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  if (Object.keys(properties).length === 0)
    return fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), fc.jsonValue({ maxDepth: 2 }));
  return fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, fitting(property)])),
    { requiredKeys: (schema.required ?? []) as string[] },
  );
}

/** Values that fit a schema, near enough. */
export function fitting(schema: Schema): fc.Arbitrary<unknown> {
  const choices = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined;
  if (choices) return fc.oneof(...choices.map(fitting));
  if ('const' in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  const { minimum = 0, maximum = 1000 } = schema;
  switch (schema.type) {
    case 'object':
      return object(schema);
    case 'array':
      return fc.array(fitting((schema.items ?? {}) as Schema), { minLength: 1, maxLength: 3 });
    case 'string':
      return text(schema);
    case 'integer':
    case 'number':
      return fc.integer({ min: Number(minimum), max: Math.min(Number(maximum), 1_000_000) });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return anything;
  }
}

/** Mostly fitting, with now and then a field that does not fit, a field too many, or something else altogether. */
function bent(schema: Schema): fc.Arbitrary<unknown> {
  const good = fitting(schema);
  const spoilt = fc
    .tuple(
      good,
      fc.oneof(fc.constantFrom(...Object.keys(schema.properties ?? {}), 'x'), fc.string()),
      anything,
    )
    .map(([value, name, wrong]) =>
      typeof value === 'object' && value !== null ? { ...value, [name]: wrong } : value,
    );
  return fc.oneof({ weight: 5, arbitrary: good }, { weight: 4, arbitrary: spoilt }, anything);
}

export interface FuzzedRequest {
  readonly operation: Operation;
  readonly path: string;
  /** Null for none. */
  readonly body: string | Uint8Array<ArrayBuffer> | null;
  readonly headers: Readonly<Record<string, string>>;
}

const HEADERS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'idempotency-key': fc.constantFrom('a', 'b', 'c', 'a b', 'x'.repeat(300)),
  'if-match': fc.constantFrom('"1"', '"2"', '*', 'W/"1"', 'x', '"1", "2"'),
  'if-none-match': fc.constantFrom('"1"', '*', 'x'),
  'content-type': fc.constantFrom(
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'x',
    '',
  ),
  'content-encoding': fc.constantFrom('identity', 'gzip'),
  accept: fc.constantFrom('*/*', 'text/plain', 'application/openmetrics-text; version=1.0.0', 'q=;'),
  'x-request-id': fc.constantFrom('mine', 'x'.repeat(200), '<b>'),
  range: fc.constantFrom('bytes=0-1', 'bytes=9-', 'bytes=999999999-', 'x'),
};

/** Clients resolve dots before they send: the request would be one to another operation. */
const segment = (text: string): string => (/^\.{0,2}$/.test(text) ? '-' : encodeURIComponent(text));

/** Requests for an operation; `known` are ids of things that exist. */
export function requestFor(operation: Operation, known: readonly string[]): fc.Arbitrary<FuzzedRequest> {
  const values = Object.fromEntries(
    operation.parameters.map(({ name, in: place, schema, required }) => {
      const good = place === 'path' ? fc.oneof(fc.constantFrom(...known), fitting(schema)) : fitting(schema);
      const value = fc.oneof({ weight: 6, arbitrary: good }, fc.constantFrom<unknown>(...ODD), fc.string());
      return [`${place} ${name}`, required ? value : fc.option(value, { nil: undefined, freq: 2 })];
    }),
  );
  const body: fc.Arbitrary<FuzzedRequest['body']> =
    operation.body === null
      ? fc.constant(null)
      : fc.oneof(
          { weight: 9, arbitrary: bent(operation.body).map((value) => JSON.stringify(value) ?? '') },
          fc.string(),
          fc.uint8Array({ maxLength: 60 }).map((bytes) => new Uint8Array(bytes)),
        );
  const headers = fc.oneof(
    { weight: 4, arbitrary: fc.constant({}) },
    fc.record(HEADERS, { requiredKeys: [] }) as fc.Arbitrary<Record<string, string>>,
  );
  return fc.record({ values: fc.record(values), body, headers }).map((made) => {
    const query = new URLSearchParams();
    let { path } = operation;
    for (const { name, in: place } of operation.parameters) {
      const value = made.values[`${place} ${name}`];
      // Not every object can be made a text: some have no prototype, or a toString that is no function.
      const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '');
      const written = text.toWellFormed();
      if (place === 'path') path = path.replace(`{${name}}`, segment(written));
      if (place === 'query' && value !== undefined) query.append(name, written);
    }
    const search = query.size > 0 ? `?${query}` : '';
    return { operation, path: path + search, body: made.body, headers: made.headers };
  });
}
