/**
 * What the server knows about one request, kept beside it from the first hook to the last. A WeakMap, because
 * Elysia's own context does not reach from `onRequest` to `onError` and `onAfterResponse`.
 */

import type { Permission } from '@/platform/identity/permissions.ts';
import type { Actor, Principal } from '@/platform/identity/principal.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { OpenStreams } from './open_streams.ts';

export interface RequestContext {
  readonly requestId: string;
  /** `performance.now()` at arrival. */
  readonly startedAt: number;
  readonly log: Logger;
  /** The client's address (through trusted proxies), looked up on first use: asking costs 8 µs. */
  readonly address: string;
  /** The same, if it was looked up already. */
  readonly knownAddress?: string | null;
  /** Set by the auth plugin once credentials were verified. */
  principal: Principal | null;
  /** Whether a route that is not public has let the request in. */
  admitted?: boolean;
  /** What it was admitted for. */
  access?: Access;
  /** The event streams of this process, for an answer that is to be one of them. */
  readonly streams?: OpenStreams;
  /** Fields to send with whatever answer comes (RateLimit, ETag …). */
  readonly responseHeaders: Record<string, string>;
  /** The route pattern once it is known. */
  route: string | null;
  /**
   * Authenticates, takes a token from the bucket, checks the permission; throws 401, 429 or 403. The server asks it on
   * every route; a route asks it again when only its configuration tells that it is not public.
   */
  admit: (route: string, access: Access) => Promise<void>;
  /** Whether an admitted request would be admitted now as it was then. Takes no token. */
  stillAdmitted?(): Promise<boolean>;
}

/**
 * What a route asks of its caller: nothing, any principal, or a principal with a permission. A `hook` is open to everybody as
 * far as the server is concerned, and verifies for itself what it gets (a signature, a token in the path); so that nobody
 * can guess without end, each call takes a token from a bucket that the caller's address has for hooks alone.
 */
export type Access = 'public' | 'hook' | 'authenticated' | Permission;

/** Whether a route does not ask for credentials. */
export const isOpen = (access: Access): access is 'public' | 'hook' =>
  access === 'public' || access === 'hook';

const contexts = new WeakMap<Request, RequestContext>();

export const setContext = (request: Request, context: RequestContext): void =>
  void contexts.set(request, context);

/** The context of a request; absent only before the first hook has run. */
export const findContext = (request: Request): RequestContext | undefined => contexts.get(request);

/** The context of a request that has passed the first hook. */
export function contextOf(request: Request): RequestContext {
  const context = contexts.get(request);
  if (!context) throw new Error('request without context: the edge plugin is not installed');
  return context;
}

/** The principal of a request to a protected route. */
export function principalOf(request: Request): Principal {
  const { principal } = contextOf(request);
  if (!principal) throw new Error('principal asked for on a route that admits anybody');
  return principal;
}

/** The actor of a request, for services and the audit log. */
export function actorOf(request: Request): Actor {
  const { principal, requestId, address } = contextOf(request);
  return {
    type: principal?.id ? 'user' : 'anonymous',
    id: principal?.id ?? null,
    name: principal?.username ?? null,
    requestId,
    address,
  };
}
