/** What many answers and requests have in common: the problem document, and the headers. */
import { Type } from '@sinclair/typebox';
import { ID_EXAMPLE } from './example.ts';

export type Json = Record<string, unknown>;

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
    title: 'Problem',
    description: 'Problem details (RFC 9457).',
    examples: [
      {
        type: 'urn:ao:problem:not-found',
        title: 'Not found',
        status: 404,
        detail: 'There is nothing at /api/nothing.',
        instance: '/api/nothing',
        request_id: ID_EXAMPLE,
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
