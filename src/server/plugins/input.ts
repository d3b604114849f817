/**
 * What comes in is what the route declares to take, or it is refused: other media types, bodies beyond the cap (announced
 * or streamed), bad UTF-8, and JSON or forms that no store could keep faithfully: depths that break recursion,
 * NUL, lone surrogates, numbers too large to be exact. Bytes and streams reach their handler untouched. Runs after
 * admission.
 */
import { Elysia } from 'elysia';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { InvalidRequest, MalformedRequest, UnsupportedMediaType } from '@/platform/errors/problem.ts';
import { capped, gunzipped, keepBytes, keepStream, readUpTo, tooLarge } from '@/platform/http/body.ts';
import { parseForm } from '@/platform/http/form.ts';
import { ANY_TYPE, type RouteInput } from '@/platform/http/input.ts';
import type { RouteFacts, RouteTable } from '@/platform/http/routes.ts';
import { assertFaithful, parseJson } from '@/platform/json/faithful.ts';

interface InputOptions {
  readonly config: LiveConfig;
  readonly routes: RouteTable;
}

const CHARSET = /^\s*charset\s*=\s*"?([^"\s]*)/i;
const UTF8 = /^utf-?8$/i;

export function input({ config, routes }: InputOptions) {
  return new Elysia({ name: 'input' })
    .onParse({ as: 'global' }, async ({ request, route }) => {
      const facts = routes.find(request.method, route);
      const cap = facts?.input.cap ?? config.current.server.max_body_bytes;
      const length = request.headers.get('content-length');
      if (length !== null && Number(length) > cap) throw tooLarge(cap);
      if (!facts || facts.input.kind === 'none') return null;
      return take(request, facts, cap);
    })
    .onTransform({ as: 'global' }, ({ request, route, query, params }) => {
      assertPlainAddress(request.url);
      const integers = routes.find(request.method, route)?.integers;
      if (!integers) return;
      coerce(query, integers.query);
      coerce(params as Record<string, unknown>, integers.params);
    });
}

/** What Elysia is to have as the body. Undefined for none, which the schema allows; null for one that lies elsewhere. */
async function take(request: Request, { input, integers }: RouteFacts, cap: number): Promise<unknown> {
  const { body, headers } = request;
  if (body !== null) assertTaken(headers, input);
  switch (input.kind) {
    case 'bytes':
      keepBytes(request, body === null ? new Uint8Array() : await wholeOf(request, body, cap));
      return null;
    case 'stream':
      keepStream(request, streamOf(body, headers, cap));
      return null;
    case 'form': {
      const form = parseForm(body === null ? new Uint8Array() : await wholeOf(request, body, cap));
      assertFaithful(form);
      coerce(form, integers.form);
      return form;
    }
    default: {
      if (body === null) {
        if (input.optional) return undefined;
        throw new MalformedRequest('The body is empty; a JSON document was expected.');
      }
      const value = parseJson(await wholeOf(request, body, cap));
      assertFaithful(value);
      return value;
    }
  }
}

/** An announced length was held against the cap already, and Bun holds the client to it. */
const wholeOf = (request: Request, body: ReadableStream<Uint8Array>, cap: number): Promise<Uint8Array> =>
  request.headers.has('content-length') ? request.bytes() : readUpTo(body, cap);

function streamOf(
  body: ReadableStream<Uint8Array> | null,
  headers: Headers,
  cap: number,
): ReadableStream<Uint8Array> {
  if (body === null) return new Blob([]).stream();
  return codingOf(headers) === 'identity' ? capped(body, cap) : gunzipped(body, cap);
}

/** Throws 422 for a query of which a part would be guessed or lost: bad encodings, NUL, parameters given twice. */
function assertPlainAddress(url: string): void {
  const start = url.indexOf('?');
  if (start < 0 && !url.includes('%00')) return;
  const query = start < 0 ? '' : url.slice(start + 1);
  const fault = url.includes('%00') ? 'NUL (%00) is not possible' : queryFault(query);
  if (fault === null) return;
  throw new InvalidRequest(`query: ${fault}.`, { errors: [{ in: 'query', path: '', message: fault }] });
}

function queryFault(query: string): string | null {
  const names = new Set<string>();
  try {
    for (const pair of query.split('&')) {
      const [name = ''] = decodeURIComponent(pair).split('=', 1);
      if (name !== '' && names.has(name))
        return `The parameter ${name.slice(0, 64).toWellFormed()} is given twice`;
      names.add(name);
    }
    return null;
  } catch {
    return 'Its percent-encoding is not UTF-8';
  }
}

const codingOf = (headers: Headers): string =>
  headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity';

/** Throws 415 for a media type or coding that the route does not take: it would be read as what it is not. */
function assertTaken(headers: Headers, { kind, types, encodings }: RouteInput): void {
  const type = headers.get('content-type') ?? '';
  if (type !== types[0]) {
    const [essence = '', ...parameters] = type.split(';');
    if (!types.includes(ANY_TYPE) && !types.includes(essence.trim().toLowerCase())) {
      throw new UnsupportedMediaType(`Send the body as ${types.join(' or ')}.`, {
        headers: { accept: types.join(', ') },
      });
    }
    const charset = parameters.map((each) => CHARSET.exec(each)?.[1]).find((found) => found !== undefined);
    if (charset !== undefined && !UTF8.test(charset) && (kind === 'json' || kind === 'form')) {
      throw new UnsupportedMediaType('Send the body in UTF-8, the only encoding that is read here.');
    }
  }
  const coding = codingOf(headers);
  if (coding === 'identity' || encodings.some((each) => each === coding)) return;
  const possible = [...encodings, 'identity'];
  throw new UnsupportedMediaType(`Send the body ${encodings.length > 0 ? 'in gzip or ' : ''}uncompressed.`, {
    headers: { 'accept-encoding': possible.join(', ') },
  });
}

/** Addresses hold text: whole numbers become numbers where the schema wants them. The schema judges the rest. */
function coerce(values: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    const value = values[name];
    if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) values[name] = Number(value);
  }
}
