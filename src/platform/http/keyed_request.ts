/** The `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header). */
import { MalformedRequest } from '@/platform/errors/problem.ts';
import type { KeyedRequest } from '@/platform/idempotency/idempotency.ts';
import { contextOf } from './context.ts';

const KEY = /^[\x21-\x7e]{1,255}$/;

/** The key of a request, or null when it bears none. Throws 400 for one that is not 1-255 visible ASCII characters. */
export function keyedRequestOf(request: Request, body: unknown): KeyedRequest | null {
  const key = request.headers.get('idempotency-key');
  if (key === null) return null;
  if (!KEY.test(key)) {
    throw new MalformedRequest('Idempotency-Key must be 1 to 255 visible ASCII characters without spaces.');
  }
  const { principal, route } = contextOf(request);
  const { pathname, search } = new URL(request.url);
  return {
    scope: `${principal?.id ?? 'anonymous'} ${request.method} ${route ?? ''}`,
    key,
    requestHash: new Bun.CryptoHasher('sha256')
      .update(`${pathname}${search}\n${JSON.stringify(body)}`)
      .digest('hex'),
  };
}
