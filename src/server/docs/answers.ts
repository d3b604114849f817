/** The answers that any route may give without saying so, described once. */
import { Type } from '@sinclair/typebox';
import { type Access, isOpen } from '@/platform/http/context.ts';

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
  /** Whether it changes something, be it only the audit log. */
  readonly writes: boolean;
  /** Whether it heeds `If-Match`. */
  readonly conditional: boolean;
  /** Whether it heeds `Idempotency-Key`. */
  readonly keyed: boolean;
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

/** Only where the route itself says so. */
const named = (): boolean => false;
const guarded = ({ access }: Trait): boolean => !isOpen(access);

export const ERROR_RESPONSES = [
  answer('400', 'MalformedRequest', 'The request is not well-formed.', ({ takesInput }) => takesInput),
  answer('401', 'Unauthorized', 'No credentials, or bad ones.', guarded, ['WWW-Authenticate']),
  answer(
    '403',
    'Forbidden',
    'The role of the caller does not permit it.',
    (trait) => guarded(trait) && trait.access !== 'authenticated',
  ),
  answer('404', 'NotFound', 'There is no such thing.', ({ namesOne }) => namesOne),
  answer(
    '409',
    'Conflict',
    'Not possible as things are, such as an `Idempotency-Key` whose result was deleted since.',
    ({ keyed }) => keyed,
  ),
  answer(
    '412',
    'PreconditionFailed',
    'It has changed since the version that `If-Match` names.',
    ({ conditional }) => conditional,
  ),
  answer('413', 'PayloadTooLarge', 'The body is too large.', ({ takesBody }) => takesBody),
  answer(
    '415',
    'UnsupportedMediaType',
    'The body is of a media type that is not taken here.',
    ({ takesBody }) => takesBody,
  ),
  answer('416', 'RangeNotSatisfiable', 'The range begins behind the end.', named),
  answer('422', 'InvalidRequest', 'Some fields are not valid.', ({ takesInput }) => takesInput),
  answer(
    '429',
    'TooManyRequests',
    'The limit is used up.',
    ({ access, takesBody }) => access !== 'public' || takesBody,
    ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  ),
  answer('500', 'InternalError', 'A fault of the server; it is in its log under the request id.', () => true),
  answer('503', 'Unavailable', 'Not possible at the moment.', (trait) => guarded(trait) || trait.writes, [
    'Retry-After',
  ]),
  answer('507', 'StorageFull', 'The disk is full: nothing was changed.', ({ writes }) => writes),
];

const header = (name: string, description: string, example: string) => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string', examples: [example] },
});

/** The request headers that a route may name in `x-headers`: read by hand, so no schema of a route shows them. */
export const REQUEST_HEADERS = {
  'If-Match': header(
    'If-Match',
    'The ETag as read before: a change in between is answered with 412 and nothing is lost.',
    '"1"',
  ),
  'If-None-Match': header('If-None-Match', 'The ETag as read before: 304 while it is the newest.', '"1"'),
  'Idempotency-Key': header(
    'Idempotency-Key',
    '1 to 255 visible characters of your choice: a repeated request with the same key gets the first answer again and changes nothing.',
    'import-2026-01-31-0001',
  ),
} as const;

/** What a route says of itself beyond what its schemas tell. */
export interface RouteNotes {
  /** Refusals that only this route knows, with their reason. */
  readonly 'x-refusals'?: Readonly<Record<string, string>>;
  /** Request headers that it heeds. */
  readonly 'x-headers'?: readonly (keyof typeof REQUEST_HEADERS)[];
}
