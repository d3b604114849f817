/**
 * Text answers over 1 KB are sent gzip-encoded to clients that accept it. Only what a handler returns as a value or a
 * text is touched: a handler that makes a Response itself (a download, a stream, a file that is kept compressed)
 * decides on its own. The ETag of an encoded answer differs from that of the plain one, as `etag.ts` says.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Context, Elysia } from 'elysia';
import { acceptsGzip, varyByEncoding } from '@/platform/http/content_coding.ts';
import { gzipTag, matchesGzipTag } from '@/platform/http/etag.ts';

/** Below this, the headers and the work cost more than the bytes that are saved. */
const LEAST_BYTES = 1024;
/** Up to this, compressing takes less than a millisecond; what is larger is compressed on another thread. */
const MOST_BYTES_AT_ONCE = 262_144;
const FAST = { library: 'libdeflate', level: 1 } as const;
const gzipElsewhere = promisify(gzip);

type AnswerHeaders = Record<string, string | undefined>;

export function compression() {
  return new Elysia({ name: 'compression' }).mapResponse(
    { as: 'global' },
    // Elysia goes on with whatever is returned here; its types only know of a Response.
    ({ request, responseValue, set }) => encoded(request, responseValue, set) as Response | undefined,
  );
}

/** What is not to be changed comes back as it was: where an error is answered, Elysia takes nothing for an empty answer. */
function encoded(request: Request, value: unknown, set: Context['set']): unknown {
  const headers = set.headers as AnswerHeaders;
  if (set.status === 304) nameEncoding(request, headers);
  const text = textOf(value, headers);
  if (text === null) return value;
  if (text.length < LEAST_BYTES) return text;
  headers.vary = varyByEncoding(headers.vary);
  if (!acceptsGzip(request.headers.get('accept-encoding'))) return text;
  headers['content-encoding'] = 'gzip';
  if (headers.etag !== undefined) headers.etag = gzipTag(headers.etag);
  return text.length > MOST_BYTES_AT_ONCE
    ? gzipElsewhere(text, { level: FAST.level })
    : Bun.gzipSync(text, FAST);
}

/** The answer as text, with its content type set; null for what is none or is encoded already. */
function textOf(value: unknown, headers: AnswerHeaders): string | null {
  if (headers['content-encoding'] !== undefined) return null;
  if (typeof value === 'string') {
    headers['content-type'] ??= 'text/plain;charset=utf-8';
    return value;
  }
  if (typeof value !== 'object' || value === null) return null;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return null;
  headers['content-type'] ??= 'application/json;charset=utf-8';
  return JSON.stringify(value);
}

/** 304 names the tag that the client has, so that its cache finds what to keep. */
function nameEncoding(request: Request, headers: AnswerHeaders): void {
  headers.vary = varyByEncoding(headers.vary);
  if (headers.etag !== undefined && matchesGzipTag(request, headers.etag))
    headers.etag = gzipTag(headers.etag);
}
