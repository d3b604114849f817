/** What tells browsers to do nothing clever with an API's answers. Pages that need more say so themselves. */
import { Elysia } from 'elysia';

export function securityHeaders() {
  return new Elysia({ name: 'security-headers' }).headers({
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  });
}
