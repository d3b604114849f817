/**
 * The refusals that a route may give without saying so, each with an example that fits the route. What is the same
 * everywhere is described once and referred to; what depends on the route stands with it.
 */
import {
  Conflict,
  Forbidden,
  InvalidRequest,
  MalformedRequest,
  NotFound,
  PayloadTooLarge,
  PreconditionFailed,
  Problem,
  RangeNotSatisfiable,
  StorageFull,
  TooManyRequests,
  Unauthorized,
  Unavailable,
  UnsupportedMediaType,
} from '@/platform/errors/problem.ts';
import { type Access, isOpen } from '@/platform/http/context.ts';
import type { Role } from '@/platform/identity/roles.ts';
import type { HEADERS, Json, REQUEST_HEADERS } from './answers.ts';
import { type ExampleSchema, exampleOf, ID_EXAMPLE } from './example.ts';
import { invalidField } from './invalid_field.ts';

/** What decides whether a route may give an answer, and what its example says. */
export interface OperationFacts {
  /** As somebody would call it: its places filled in with examples. */
  readonly path: string;
  readonly access: Access;
  /** The role with most rights that is not admitted; null where every role is. */
  readonly refusedRole: Role | null;
  readonly body: ExampleSchema | null;
  readonly parameters: readonly Json[];
  /** Whether it changes something, be it only the audit log. */
  readonly writes: boolean;
  readonly heeds: readonly (keyof typeof REQUEST_HEADERS)[];
}

interface Refusal {
  readonly status: string;
  /** Of the one description that all routes share; none where it depends on the route. */
  readonly name?: string;
  readonly description: string;
  readonly headers?: readonly (keyof typeof HEADERS)[];
  given(facts: OperationFacts): boolean;
  /** With the words of the route, where it has its own. */
  example(facts: OperationFacts, words?: string): Problem;
}

const guarded = ({ access }: OperationFacts): boolean => !isOpen(access);
const takesBody = ({ body }: OperationFacts): boolean => body !== null;
const namedBy = ({ parameters }: OperationFacts): Json | undefined =>
  parameters.findLast((parameter) => parameter.in === 'path');
const QUOTA = { name: 'default', field: '"default";q=120;w=60' };

const REFUSALS: readonly Refusal[] = [
  {
    status: '400',
    description: 'The request is not well-formed.',
    given: (facts) =>
      takesBody(facts) || facts.heeds.some((header) => header === 'If-Match' || header === 'Idempotency-Key'),
    example: (facts) =>
      new MalformedRequest(
        takesBody(facts)
          ? 'The body is not well-formed JSON in UTF-8.'
          : 'If-Match must be ETags as read before, such as "3", or *.',
      ),
  },
  {
    status: '401',
    name: 'Unauthorized',
    description: 'No credentials, or bad ones.',
    headers: ['WWW-Authenticate'],
    given: guarded,
    example: (_, words = 'Log in and send "Authorization: Bearer …", or send an API key in X-API-Key.') =>
      new Unauthorized(words),
  },
  {
    status: '403',
    description: 'The role of the caller does not allow this.',
    given: ({ refusedRole }) => refusedRole !== null,
    example: ({ access, refusedRole }, words) =>
      new Forbidden(
        words ?? `This needs the permission ${access}, which the role ${refusedRole} does not have.`,
      ),
  },
  {
    status: '404',
    description: 'Not found.',
    given: (facts) => namedBy(facts) !== undefined,
    example: (facts, words) => {
      const { schema, example } = namedBy(facts) ?? {};
      const kind = (schema as Json | undefined)?.['x-id-of'];
      return new NotFound(words ?? `There is no ${kind ?? 'such thing:'} ${example}.`);
    },
  },
  {
    status: '409',
    description: 'What the `Idempotency-Key` made was deleted since.',
    given: ({ heeds }) => heeds.includes('Idempotency-Key'),
    example: (_, words = 'What this Idempotency-Key made was deleted since: use a new key.') =>
      new Conflict(words),
  },
  {
    status: '412',
    description: 'It has changed since the version that `If-Match` names.',
    given: ({ heeds }) => heeds.includes('If-Match'),
    example: (
      _,
      words = 'It is at version 2, which If-Match does not name: read it again and repeat the change.',
    ) => new PreconditionFailed(words),
  },
  {
    status: '413',
    name: 'PayloadTooLarge',
    description: 'The body is too large.',
    given: takesBody,
    example: (_, words = 'The body is larger than 1048576 bytes.') => new PayloadTooLarge(words),
  },
  {
    status: '415',
    name: 'UnsupportedMediaType',
    description: 'The body is of a media type that is not taken here.',
    given: takesBody,
    example: (_, words = 'Send the body as application/json.') => new UnsupportedMediaType(words),
  },
  {
    status: '416',
    description: 'The range starts beyond the end.',
    given: () => false,
    example: (_, words = 'The range starts beyond the end.') => new RangeNotSatisfiable(words),
  },
  {
    status: '422',
    description: 'Some fields are not valid.',
    given: (facts) => takesBody(facts) || facts.parameters.length > 0,
    example: ({ body, parameters }, words) => {
      const error = invalidField(body, parameters);
      return new InvalidRequest(words ?? `${error.in}${error.path}: ${error.message}.`, { errors: [error] });
    },
  },
  {
    status: '429',
    name: 'TooManyRequests',
    description: 'The limit is used up.',
    headers: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
    given: (facts) => facts.access !== 'public' || takesBody(facts),
    example: (_, words = 'The limit of 120 requests in 60 s is used up.') =>
      new TooManyRequests(words, 1, QUOTA),
  },
  {
    status: '500',
    name: 'InternalError',
    description: 'A fault of the server; it is in its log under the request id.',
    given: () => true,
    example: () =>
      new Problem(
        500,
        'urn:ao:problem:internal-error',
        'Internal server error',
        'Something went wrong on our side. Please report it with the request id.',
      ),
  },
  {
    status: '503',
    name: 'Unavailable',
    description: 'Temporarily unavailable.',
    headers: ['Retry-After'],
    given: (facts) => guarded(facts) || facts.writes,
    example: (_, words = 'The database does not answer: try again in a few seconds.') =>
      new Unavailable(words),
  },
  {
    status: '507',
    name: 'StorageFull',
    description: 'The disk is full: nothing was changed.',
    given: ({ writes }) => writes,
    example: (_, words = 'The disk is full: nothing was changed.') => new StorageFull(words),
  },
];

/** The refusals of one route, by status; `notes` are those that it names itself, with their reasons. */
export function refusalsOf(
  facts: OperationFacts,
  notes: Readonly<Record<string, string>>,
): Record<string, Json> {
  const found = REFUSALS.filter((refusal) => refusal.status in notes || refusal.given(facts));
  return Object.fromEntries(
    found.map((refusal) => {
      const words = notes[refusal.status];
      if (words === undefined && refusal.name !== undefined) {
        return [refusal.status, { $ref: `#/components/responses/${refusal.name}` }];
      }
      return [refusal.status, described(refusal, facts, words)];
    }),
  );
}

const ANY: OperationFacts = {
  path: '/api/leads',
  access: 'authenticated',
  refusedRole: null,
  body: null,
  parameters: [],
  writes: true,
  heeds: [],
};

/** The descriptions that routes refer to, by name. */
export const sharedRefusals = (): Record<string, Json> =>
  Object.fromEntries(
    REFUSALS.flatMap((refusal) =>
      refusal.name === undefined ? [] : [[refusal.name, described(refusal, ANY, undefined)]],
    ),
  );

function described(refusal: Refusal, facts: OperationFacts, words: string | undefined): Json {
  const { type, title, status, detail, errors, extensions } = refusal.example(facts, words);
  const { headers = [] } = refusal;
  return {
    description: words ?? refusal.description,
    ...(headers.length > 0 && {
      headers: Object.fromEntries(headers.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    }),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        example: {
          ...{ type, title, status, detail, instance: facts.path, request_id: ID_EXAMPLE },
          ...(errors && { errors }),
          ...extensions,
        },
      },
    },
  };
}

/** A path as somebody would call it. */
export const filledIn = (path: string, parameters: readonly Json[]): string =>
  path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const { schema, example } = parameters.find((each) => each.in === 'path' && each.name === name) ?? {};
    return String(example ?? exampleOf((schema ?? {}) as ExampleSchema, name) ?? name);
  });
