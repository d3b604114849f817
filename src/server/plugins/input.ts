/**
 * What comes in is JSON that every store can keep faithfully, or it is refused: other content types, bad UTF-8, bodies
 * beyond the cap (announced or streamed), depths that break recursion, NUL, lone surrogates, and
 * numbers too large to be exact. Runs after admission.
 */
import { Elysia } from 'elysia';
import type { LiveConfig } from '@/platform/config/schema.ts';
import {
  InvalidRequest,
  MalformedRequest,
  PayloadTooLarge,
  UnsupportedMediaType,
} from '@/platform/errors/problem.ts';
import type { RouteTable } from '@/platform/http/routes.ts';
import { assertFaithful, parseJson } from '@/platform/json/faithful.ts';

interface InputOptions {
  readonly config: LiveConfig;
  readonly routes: RouteTable;
}

const JSON_TYPE = 'application/json';
const CHARSET = /^\s*charset\s*=\s*"?([^"\s]*)/i;
const UTF8 = /^utf-?8$/i;

export function input({ config, routes }: InputOptions) {
  return new Elysia({ name: 'input' })
    .onParse({ as: 'global' }, async ({ request, route }) => {
      const cap = config.current.server.max_body_bytes;
      const length = request.headers.get('content-length');
      if (length !== null && Number(length) > cap) throw tooLarge(cap);
      const wanted = routes.find(request.method, route)?.body ?? 'none';
      if (wanted === 'none') return null;
      if (request.body === null) {
        if (wanted === 'optional') return undefined;
        throw new MalformedRequest('The body is empty; a JSON document was expected.');
      }
      assertJson(request.headers);
      const body = parseJson(length === null ? await readUpTo(request, cap) : await request.bytes());
      assertFaithful(body);
      return body;
    })
    .onTransform({ as: 'global' }, ({ request, route, query, params }) => {
      assertPlainAddress(request.url);
      const integers = routes.find(request.method, route)?.integers;
      if (!integers) return;
      coerce(query, integers.query);
      coerce(params as Record<string, unknown>, integers.params);
    });
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

/** Throws 415 for all but JSON in UTF-8 as it is: anything else would be read as what it is not. */
function assertJson(headers: Headers): void {
  const type = headers.get('content-type') ?? '';
  if (type !== JSON_TYPE) {
    const [essence = '', ...parameters] = type.split(';');
    if (essence.trim().toLowerCase() !== JSON_TYPE) {
      throw new UnsupportedMediaType('Send the body as application/json.');
    }
    const charset = parameters.map((each) => CHARSET.exec(each)?.[1]).find((found) => found !== undefined);
    if (charset !== undefined && !UTF8.test(charset)) {
      throw new UnsupportedMediaType('Send the body in UTF-8, which is the only encoding of JSON.');
    }
  }
  const coding = headers.get('content-encoding');
  if (coding !== null && coding.trim().toLowerCase() !== 'identity') {
    throw new UnsupportedMediaType('Send the body uncompressed.', {
      headers: { 'accept-encoding': 'identity' },
    });
  }
}

const tooLarge = (cap: number) => new PayloadTooLarge(`The body is larger than ${cap} bytes.`);

/** A body of unannounced length, chunk by chunk, so that no more than the cap is ever held. */
async function readUpTo(request: Request, cap: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > cap) throw tooLarge(cap);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Addresses hold text: whole numbers become numbers where the schema wants them. The schema judges the rest. */
function coerce(values: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    const value = values[name];
    if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) values[name] = Number(value);
  }
}
