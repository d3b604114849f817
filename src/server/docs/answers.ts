/** The answers that any route may give without saying so, described once. */
import { Type } from '@sinclair/typebox';
import type { Access } from '@/platform/http/context.ts';

export const PROBLEM_SCHEMA = Type.Object(
  {
    type: Type.String({ format: 'uri', description: 'Stable: programs may switch on it.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What was wrong, for people.' }),
    instance: Type.String({ description: 'The path of the request.' }),
    request_id: Type.String({ description: 'As in `X-Request-Id` and in the log.' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          in: Type.Union(['body', 'query', 'path', 'header'].map((place) => Type.Literal(place))),
          path: Type.String({ description: 'JSON pointer to the field.' }),
          message: Type.String(),
        }),
        { description: 'Each field that is not valid.' },
      ),
    ),
    'violated-policies': Type.Optional(
      Type.Array(Type.String(), { description: 'Of 429: the limits that were hit.' }),
    ),
  },
  {
    description: 'Problem details (RFC 9457).',
    examples: [
      {
        type: 'urn:ao:problem:not-found',
        title: 'Not found',
        status: 404,
        detail: 'There is nothing at /api/nothing.',
        instance: '/api/nothing',
        request_id: '0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77',
      },
    ],
  },
);

export const HEADERS = {
  RateLimit: {
    description: 'What is left of the limit, and the seconds until there is more (IETF draft 10).',
    schema: { type: 'string', examples: ['"default";r=119;t=1'] },
  },
  'RateLimit-Policy': {
    description: 'The limit: quota and window in seconds.',
    schema: { type: 'string', examples: ['"default";q=120;w=60'] },
  },
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', examples: [1] } },
  'WWW-Authenticate': { description: 'How to log in.', schema: { type: 'string' } },
};

/** What decides whether a route may give an answer. */
interface Trait {
  readonly access: Access;
  readonly takesBody: boolean;
  readonly takesInput: boolean;
  /** Whether its path names one thing, which may be missing. */
  readonly namesOne: boolean;
}

const answer = (
  status: string,
  name: string,
  description: string,
  given: (trait: Trait) => boolean,
  headers: readonly (keyof typeof HEADERS)[] = [],
) => ({
  status,
  name,
  given,
  response: {
    description,
    ...(headers.length > 0
      ? {
          headers: Object.fromEntries(
            headers.map((header) => [header, { $ref: `#/components/headers/${header}` }]),
          ),
        }
      : {}),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  },
});

const guarded = ({ access }: Trait): boolean => access !== 'public';

export const ERROR_RESPONSES = [
  answer('400', 'MalformedRequest', 'The request is not well-formed.', ({ takesInput }) => takesInput),
  answer('401', 'Unauthorized', 'No credentials, or bad ones.', guarded, ['WWW-Authenticate']),
  answer(
    '403',
    'Forbidden',
    'The role of the caller does not permit it.',
    ({ access }) => access !== 'public' && access !== 'authenticated',
  ),
  answer('404', 'NotFound', 'There is no such thing.', ({ namesOne }) => namesOne),
  answer('413', 'PayloadTooLarge', 'The body is too large.', ({ takesBody }) => takesBody),
  answer('415', 'UnsupportedMediaType', 'The body is not JSON.', ({ takesBody }) => takesBody),
  answer('422', 'InvalidRequest', 'Some fields are not valid.', ({ takesInput }) => takesInput),
  answer('429', 'TooManyRequests', 'The limit is used up.', (trait) => guarded(trait) || trait.takesBody, [
    'Retry-After',
    'RateLimit',
    'RateLimit-Policy',
  ]),
  answer('500', 'InternalError', 'A fault of the server; it is in its log under the request id.', () => true),
  answer('503', 'Unavailable', 'Not possible at the moment.', guarded, ['Retry-After']),
];
