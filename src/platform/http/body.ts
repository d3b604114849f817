/**
 * Bodies that are not JSON, on their way from the input plugin to the handler; and reading within a cap. They are kept beside
 * the request, because only what a schema can describe belongs into Elysia's `body`.
 */
import { MalformedRequest, PayloadTooLarge } from '@/platform/errors/problem.ts';

const read = new WeakMap<Request, Uint8Array>();
const unread = new WeakMap<Request, ReadableStream<Uint8Array>>();

export const keepBytes = (request: Request, bytes: Uint8Array): void => void read.set(request, bytes);
export const keepStream = (request: Request, stream: ReadableStream<Uint8Array>): void =>
  void unread.set(request, stream);

/** The body exactly as it was sent, of a route that declares `bytes`; empty when there was none. */
export function bodyBytes(request: Request): Uint8Array {
  const bytes = read.get(request);
  if (!bytes) throw new Error("bytes asked for on a route that does not declare input: { kind: 'bytes' }");
  return bytes;
}

/**
 * The unread body of a route that declares `stream`. Reading it throws 413 beyond the cap and 400 for bad gzip: let that
 * through, it is the answer. A client sends no faster than the stream is read.
 */
export function bodyStream(request: Request): ReadableStream<Uint8Array> {
  const stream = unread.get(request);
  if (!stream)
    throw new Error("a stream asked for on a route that does not declare input: { kind: 'stream' }");
  return stream;
}

export const tooLarge = (cap: number): PayloadTooLarge =>
  new PayloadTooLarge(`The body is larger than ${cap} bytes.`);

/** A body of unannounced length, chunk by chunk, so that no more than the cap is ever held. */
export async function readUpTo(body: ReadableStream<Uint8Array>, cap: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > cap) throw tooLarge(cap);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The same bytes, asked for only when somebody reads; fails with 413 beyond the cap. */
export function capped(body: ReadableStream<Uint8Array>, cap: number): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let size = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        size += value.byteLength;
        if (size > cap) {
          const fault = tooLarge(cap);
          reader.cancel(fault).catch(() => undefined);
          throw fault;
        }
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** What a gzip body holds. The cap holds for what comes in and for what comes out, so a bomb ends at the cap. */
export function gunzipped(body: ReadableStream<Uint8Array>, cap: number): ReadableStream<Uint8Array> {
  // The declarations of Bun and of the DOM disagree about what may be written; any bytes may.
  const gunzip = new DecompressionStream('gzip') as ReadableWritablePair<Uint8Array, Uint8Array>;
  const reader = capped(capped(body, cap).pipeThrough(gunzip), cap).getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          if (!(error instanceof TypeError)) throw error;
          throw new MalformedRequest('The body is not well-formed gzip.', { cause: error });
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
