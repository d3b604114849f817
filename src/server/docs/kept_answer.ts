/**
 * An answer that is the same for as long as the server runs: hashed once, compressed once, and then only handed out. Its
 * hash is its ETag, and can stand in its address, so that clients need not ask again until it has changed.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { acceptsGzip, varyByEncoding } from '@/platform/http/content_coding.ts';
import { gzipTag, isCurrent } from '@/platform/http/etag.ts';

/** Once for each process and file, on another thread: worth the smallest result. */
const BEST = 9;
const compress = promisify(gzip);
const SHORT = 16;

export class KeptAnswer {
  /** Changes with the content. */
  readonly hash: string;
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private compressed: Promise<Uint8Array<ArrayBuffer>> | null = null;

  constructor(
    content: string | ArrayBuffer,
    private readonly type: string,
  ) {
    this.bytes = typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content);
    this.hash = new Bun.CryptoHasher('sha256').update(this.bytes).digest('hex').slice(0, SHORT);
  }

  /** The answer to `request`: 304 where the client has it already. */
  async to(request: Request, headers: Record<string, string>): Promise<Response> {
    const isText = !this.type.startsWith('image/');
    const zipped = isText && acceptsGzip(request.headers.get('accept-encoding'));
    const plainTag = `"${this.hash}"`;
    const all = {
      ...headers,
      'content-type': this.type,
      etag: zipped ? gzipTag(plainTag) : plainTag,
      ...(isText && { vary: varyByEncoding(undefined) }),
    };
    if (isCurrent(request, plainTag)) return new Response(null, { status: 304, headers: all });
    if (!zipped) return new Response(this.bytes, { headers: all });
    this.compressed ??= compress(this.bytes, { level: BEST }).then((buffer) => new Uint8Array(buffer));
    return new Response(await this.compressed, { headers: { ...all, 'content-encoding': 'gzip' } });
  }
}
