/** What is known of every route of an app, gathered once after it was composed. */
import { OptionalKind, type TSchema } from '@sinclair/typebox';
import type { AnyElysia } from 'elysia';
import type { Access } from './context.ts';
import { completeInput, type InputDeclaration, type RouteInput } from './input.ts';

export interface RouteFacts {
  readonly method: string;
  readonly path: string;
  /** What the route says of its callers; admins only when it says nothing. */
  readonly access: Access;
  /** The body it takes. */
  readonly input: RouteInput;
  /** The statuses below 400 that it declares; 200 when it declares none. */
  readonly successes: readonly number[];
  /** Names of the query and path parameters and form fields that are integers. */
  readonly integers: Readonly<Record<'query' | 'params' | 'form', readonly string[]>>;
}

interface Detail {
  readonly 'x-access'?: Access;
  readonly 'x-input'?: InputDeclaration;
}

/** Routes that do not say whom they admit are for those who may read the configuration. */
export const DEFAULT_ACCESS: Access = 'admin:read';

export class RouteTable {
  private readonly facts = new Map<string, Map<string, RouteFacts>>();
  private readonly patterns: { readonly method: string; readonly segments: readonly string[] }[] = [];

  /** Takes in all routes of `app`. */
  fill(app: AnyElysia): void {
    for (const { method, path, hooks } of app.routes) {
      const detail = hooks.detail as Detail | undefined;
      const input = completeInput(detail?.['x-input'], bodyOf(hooks.body));
      const ofMethod = this.facts.get(method) ?? new Map<string, RouteFacts>();
      this.facts.set(method, ofMethod);
      ofMethod.set(path, {
        method,
        path,
        access: detail?.['x-access'] ?? DEFAULT_ACCESS,
        input,
        successes: successesOf(hooks.response),
        integers: {
          query: integersOf(hooks.query),
          params: integersOf(hooks.params),
          form: input.kind === 'form' ? integersOf(hooks.body) : [],
        },
      });
      this.patterns.push({ method, segments: path.split('/') });
    }
  }

  /** The facts of a matched route; a HEAD request is answered by the route of GET. */
  find(method: string, path: string): RouteFacts | undefined {
    return this.facts.get(method === 'HEAD' ? 'GET' : method)?.get(path);
  }

  all(): RouteFacts[] {
    return [...this.facts.values()].flatMap((ofMethod) => [...ofMethod.values()]);
  }

  /** The methods that a concrete path knows, sorted; for the rare answer 405. */
  methodsOf(path: string): string[] {
    const segments = path.split('/');
    const methods = this.patterns.filter((pattern) => matches(pattern.segments, segments));
    const known = new Set(methods.map(({ method }) => method));
    if (known.has('GET')) known.add('HEAD');
    return [...known].sort();
  }
}

/** The largest body that some route of `app` declares to take; 0 when none does. */
export const largestCap = (app: AnyElysia): number =>
  Math.max(0, ...app.routes.map(({ hooks }) => (hooks.detail as Detail | undefined)?.['x-input']?.cap ?? 0));

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.at(-1) !== '*' && pattern.length !== segments.length) return false;
  return pattern.every((part, index) => part === '*' || part.startsWith(':') || part === segments[index]);
}

function bodyOf(schema: unknown): 'none' | 'optional' | 'required' {
  if (typeof schema !== 'object' || schema === null) return 'none';
  return OptionalKind in schema ? 'optional' : 'required';
}

/** Schemas of answers stand under their statuses; a single schema is that of 200. */
function successesOf(response: unknown): number[] {
  const statuses = Object.keys(response ?? {}).map(Number);
  const successes = statuses.filter((status) => status >= 200 && status < 400);
  return successes.length > 0 ? successes : [200];
}

function integersOf(schema: unknown): string[] {
  const properties = (schema as { properties?: Record<string, TSchema> } | undefined)?.properties ?? {};
  return Object.entries(properties).flatMap(([name, { type }]) => (type === 'integer' ? [name] : []));
}
