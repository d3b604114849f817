/**
 * Who may come in: credentials, then one token of the caller's bucket, then the permission that the route asks
 * for. It decides before a body is read, so strangers learn nothing about bodies. Callers without valid credentials
 * draw from the bucket of their address, so that guessing is limited as well; callers of hooks, which need none, from
 * another one, so that neither uses up the other.
 */

import { Elysia } from 'elysia';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { Forbidden, TooManyRequests, Unauthorized } from '@/platform/errors/problem.ts';
import { bucketAddress } from '@/platform/http/address.ts';
import { type Access, contextOf, isOpen, type RequestContext } from '@/platform/http/context.ts';
import { DEFAULT_ACCESS, type RouteTable } from '@/platform/http/routes.ts';
import type { Permissions } from '@/platform/identity/permissions.ts';
import type { Principal } from '@/platform/identity/principal.ts';
import { LimitPolicies, limitField, waitSeconds } from '@/platform/limits/policies.ts';
import type { Counter, Metrics } from '@/platform/metrics/instruments.ts';

interface Credentials {
  readonly authorization: string | null;
  readonly apiKey: string | null;
}

interface Bucket {
  readonly key: string;
  readonly capacity: number;
  readonly windowSeconds: number;
}

/** Whose bucket: a user's, an address's, or what an address has for hooks. */
type Scope = 'user' | 'address' | 'hook';

export interface AdmissionOptions {
  readonly config: LiveConfig;
  readonly permissions: Pick<Permissions, 'may'>;
  readonly authenticator: { authenticate(credentials: Credentials): Promise<Principal | null> };
  readonly buckets: {
    take(bucket: Bucket): Promise<{ allowed: boolean; remaining: number; retryAfterMs: number }>;
  };
  readonly metrics: Pick<Metrics, 'counter'>;
  /** Everybody, while `auth.enabled` is false. */
  readonly anonymousOperator: Principal;
}

/** The decision itself, as the context of every request offers it. */
export class Admission {
  private readonly policies: LimitPolicies;
  private readonly limited: Counter;

  constructor(private readonly options: AdmissionOptions) {
    this.policies = new LimitPolicies(options.config);
    this.limited = options.metrics.counter('ao_rate_limited_total', {
      help: 'Requests refused with 429 by a request limit.',
      labels: ['scope'],
      initial: [{ scope: 'user' }, { scope: 'address' }, { scope: 'hook' }],
    });
  }

  /** Throws 401, 429 or 403. Asked again about an admitted request, it says yes without taking a second token. */
  async admit(context: RequestContext, request: Request, route: string, access: Access): Promise<void> {
    if (access === 'public' || context.admitted) return;
    if (isOpen(access)) {
      await this.take(context, request, route, null, 'hook');
    } else {
      const principal = await this.identify(context, request, route);
      context.principal = principal;
      await this.take(context, request, route, principal);
      if (access !== 'authenticated' && !this.options.permissions.may(principal.role, access)) {
        throw new Forbidden(
          `This needs the permission ${access}, which the role ${principal.role} does not have.`,
        );
      }
    }
    context.admitted = true;
    context.access = access;
  }

  /**
   * Whether the credentials of an admitted request still prove what they did: the same user in the same role, who may do the
   * same. Takes no token. Rejects when that cannot be found out.
   */
  async stillAdmits({ principal, access = 'public' }: RequestContext, request: Request): Promise<boolean> {
    if (!principal || isOpen(access)) return true;
    try {
      const now = await this.authenticate(request);
      if (now?.id !== principal.id || now.role !== principal.role) return false;
      return access === 'authenticated' || this.options.permissions.may(now.role, access);
    } catch (error) {
      if (error instanceof Unauthorized) return false;
      throw error;
    }
  }

  /** Null without credentials. Not async itself: every request passes here, and each wait costs. */
  private authenticate(request: Request): Promise<Principal | null> {
    const { config, authenticator, anonymousOperator } = this.options;
    if (!config.current.auth.enabled) return Promise.resolve(anonymousOperator);
    const authorization = request.headers.get('authorization');
    const apiKey = authorization === null ? request.headers.get('x-api-key') : null;
    return authenticator.authenticate({ authorization, apiKey });
  }

  private async identify(context: RequestContext, request: Request, route: string): Promise<Principal> {
    try {
      const principal = await this.authenticate(request);
      if (principal) return principal;
      throw new Unauthorized('Log in and send "Authorization: Bearer …", or send an API key in X-API-Key.');
    } catch (error) {
      if (error instanceof Unauthorized) await this.take(context, request, route, null);
      throw error;
    }
  }

  private async take(
    context: RequestContext,
    request: Request,
    route: string,
    principal: Principal | null,
    scope: Scope = principal?.id ? 'user' : 'address',
  ): Promise<void> {
    if (!this.options.config.current.rate_limit.enabled) return;
    const policy = this.policies.of(request.method, route, principal?.role ?? null);
    const whose = scope === 'user' ? principal?.id : bucketAddress(context.address);
    const { allowed, remaining, retryAfterMs } = await this.options.buckets.take({
      key: `${scope}:${whose}${policy.keySuffix}`,
      capacity: policy.capacity,
      windowSeconds: policy.windowSeconds,
    });
    if (!allowed) {
      this.limited.inc({ scope });
      const detail = `The limit of ${policy.capacity} requests in ${policy.windowSeconds} s is used up.`;
      throw new TooManyRequests(detail, waitSeconds(retryAfterMs), policy);
    }
    context.responseHeaders['ratelimit-policy'] = policy.field;
    context.responseHeaders.ratelimit = limitField(policy, remaining);
  }
}

/** Asks for admission on every route, by what the route says; a route that says nothing is for admins. */
export function admission({ routes }: { readonly routes: RouteTable }) {
  const admit = (request: Request, route: string): Promise<void> => {
    const context = contextOf(request);
    context.route = route;
    return context.admit(route, routes.find(request.method, route)?.access ?? DEFAULT_ACCESS);
  };
  return new Elysia({ name: 'admission' })
    .onParse({ as: 'global' }, async ({ request, route }) => {
      await admit(request, route);
    })
    .onTransform({ as: 'global' }, async ({ request, route }) => {
      await admit(request, route);
    });
}
