/**
 * Everything thrown becomes an RFC 9457 problem document here, and nowhere else. Refusals say what was wrong
 * without repeating what was sent; a bug is logged with its stack and shown as its request id only.
 */
import { Elysia, NotFoundError, ParseError, ValidationError } from 'elysia';
import {
  type FieldError,
  InvalidRequest,
  MalformedRequest,
  MethodNotAllowed,
  messageOf,
  NotFound,
  Problem,
} from '@/platform/errors/problem.ts';
import { findContext } from '@/platform/http/context.ts';
import { problemOf } from '@/platform/http/thrown.ts';
import type { Logger } from '@/platform/log/log.ts';
import { type SchemaError, worded } from '@/platform/schema/words.ts';

interface ErrorOptions {
  readonly log: Logger;
  /** The methods that a path knows; empty for an unknown path. */
  readonly methodsOf: (path: string) => readonly string[];
}

export function errors({ log, methodsOf }: ErrorOptions) {
  return new Elysia({ name: 'errors' })
    .onError(({ error, request, path, route, set }) => {
      const context = findContext(request);
      const problem = asProblem(error, request.method, path, methodsOf);
      const requestId = context?.requestId ?? null;
      if (problem.status >= 500) {
        (context?.log ?? log).error('request failed', {
          method: request.method,
          route: route ?? null,
          status: problem.status,
          problem: problem.type,
          error: problem.cause ?? (problem === error ? messageOf(error) : error),
        });
      }
      set.status = problem.status;
      Object.assign(set.headers, problem.headers, { 'content-type': 'application/problem+json' });
      return JSON.stringify({
        type: problem.type,
        title: problem.title,
        status: problem.status,
        detail: problem.detail,
        instance: path,
        request_id: requestId,
        ...(problem.errors ? { errors: problem.errors } : {}),
        ...problem.extensions,
      });
    })
    .as('global');
}

function asProblem(
  error: unknown,
  method: string,
  path: string,
  methodsOf: ErrorOptions['methodsOf'],
): Problem {
  const problem = problemOf(error);
  if (problem) return problem;
  if (error instanceof ValidationError) return error.type === 'response' ? bug(unfit(error)) : invalid(error);
  if (error instanceof NotFoundError) return unmatched(method, path, methodsOf(path));
  if (error instanceof ParseError) return new MalformedRequest('The request body could not be read.');
  return bug(error);
}

const bug = (cause: unknown): Problem =>
  new Problem(
    500,
    'urn:ao:problem:internal-error',
    'Internal server error',
    'Something went wrong on our side. Please report it with the request id.',
    { cause },
  );

/** An answer that its schema does not allow, by the places: Elysia's own message holds the whole answer. */
function unfit(error: ValidationError): Error {
  const faults = [...(error.all as Iterable<SchemaError>)].slice(0, MOST_ERRORS);
  const places = faults.map((fault) => `${fault.path || '/'}: ${worded(fault)}`);
  return new Error(`the answer does not fit its schema: ${[...new Set(places)].join('; ')}`);
}

function unmatched(method: string, path: string, methods: readonly string[]): Problem {
  if (methods.length === 0) return new NotFound(`There is nothing at ${path}.`);
  return new MethodNotAllowed(`${method} is not possible here; ${methods.join(', ')} is.`, {
    headers: { allow: methods.join(', ') },
  });
}

const PLACES = { body: 'body', query: 'query', params: 'path', headers: 'header', cookie: 'header' } as const;
const MOST_ERRORS = 50;

function invalid(error: ValidationError): Problem {
  const place = PLACES[error.type as keyof typeof PLACES] ?? 'body';
  const found = new Map<string, FieldError>();
  for (const each of error.all as Iterable<SchemaError>) {
    const path = each.path ?? '';
    if (found.size < MOST_ERRORS && !found.has(path))
      found.set(path, { in: place, path, message: worded(each) });
  }
  const list = [...found.values()];
  const named = list.slice(0, 3).map(({ path, message }) => `${place}${path}: ${message}`);
  const more = list.length > named.length ? `; and ${list.length - named.length} more` : '';
  return new InvalidRequest(`${named.join('; ') || `The ${place} is not valid`}${more}.`, { errors: list });
}
