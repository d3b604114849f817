/**
 * Which limit applies to a request, from the configuration as it is now, and how the RateLimit fields say so
 * (draft-ietf-httpapi-ratelimit-headers-10). A route's own limit goes before that of the role, that before the general one.
 */

import type { Quota } from '@/platform/config/platform_sections.ts';
import type { Config, LiveConfig } from '@/platform/config/schema.ts';
import type { Role } from '@/platform/identity/roles.ts';

export interface LimitPolicy {
  /** `default`, a role, or a route as the configuration names it. */
  readonly name: string;
  readonly capacity: number;
  readonly windowSeconds: number;
  /** Tells the bucket of a route from the caller's general one. */
  readonly keySuffix: string;
  /** Whole seconds in which at least one more request is granted. */
  readonly refillSeconds: number;
  /** The value of `RateLimit-Policy`. */
  readonly field: string;
}

/** The value of `RateLimit` for a request that was granted: what is left, and the seconds until there is more. */
export const limitField = (policy: LimitPolicy, remaining: number): string =>
  `"${policy.name}";r=${Math.max(0, Math.floor(remaining))};t=${policy.refillSeconds}`;

/** Whole seconds after which a refused request may be tried again. */
export const waitSeconds = (retryAfterMs: number): number => Math.max(1, Math.ceil(retryAfterMs / 1000));

/** A limit under its name; `keySuffix` tells its bucket from the caller's general one. */
export function policyOf(name: string, quota: Quota, keySuffix = ''): LimitPolicy {
  const { max_requests: capacity, window_seconds: windowSeconds } = quota;
  return {
    name,
    capacity,
    windowSeconds,
    keySuffix,
    refillSeconds: Math.max(1, Math.ceil(windowSeconds / capacity)),
    field: `"${name}";q=${capacity};w=${windowSeconds}`,
  };
}

/** A route as the configuration may name it, `GET /api/leads/{id}` as in the API document, as the server names it. */
export const asPattern = (route: string): string => route.replaceAll(/\{(\w+)\}/g, ':$1');

export class LimitPolicies {
  private seen: Config | null = null;
  private general: LimitPolicy = policyOf('default', { max_requests: 1, window_seconds: 1 });
  private roles = new Map<Role, LimitPolicy>();
  private routes = new Map<string, LimitPolicy>();

  constructor(private readonly config: LiveConfig) {}

  /** The policy of a request; `role` is null for callers without credentials. */
  of(method: string, route: string, role: Role | null): LimitPolicy {
    if (this.seen !== this.config.current) this.read(this.config.current);
    const ofRoute =
      this.routes.size > 0 ? this.routes.get(`${method === 'HEAD' ? 'GET' : method} ${route}`) : undefined;
    return ofRoute ?? (role === null ? undefined : this.roles.get(role)) ?? this.general;
  }

  private read(config: Config): void {
    const { rate_limit: limits } = config;
    this.general = policyOf('default', limits);
    this.roles = new Map(
      Object.entries(limits.roles).map(([role, quota]) => [role as Role, policyOf(role, quota)]),
    );
    this.routes = new Map(
      Object.entries(limits.routes).map(([name, quota]) => {
        const route = asPattern(name);
        return [route, policyOf(name, quota, `:${route}`)];
      }),
    );
    this.seen = config;
  }
}
