/** The CRM connector as the API takes and shows it. Credentials go in and never come out. */
import { type Static, Type } from '@sinclair/typebox';
import { nullable } from '@/platform/schema/parts.ts';

const secret = (description: string) => Type.String({ minLength: 1, maxLength: 8192, description });
const url = (description: string, example: string) =>
  Type.String({ maxLength: 2048, pattern: '^https?://', description, examples: [example] });

const Auth = Type.Union(
  [
    Type.Object({ type: Type.Literal('none') }, { additionalProperties: false }),
    Type.Object(
      { type: Type.Literal('bearer'), token: secret('Sent as `Authorization: Bearer …`.') },
      { additionalProperties: false },
    ),
    Type.Object(
      {
        type: Type.Literal('header'),
        name: Type.String({ minLength: 1, maxLength: 128, examples: ['X-API-Key'] }),
        value: secret('Value of the header.'),
      },
      { additionalProperties: false },
    ),
    Type.Object(
      {
        type: Type.Literal('basic'),
        username: Type.String({ minLength: 1, maxLength: 256, pattern: '^[^:]+$' }),
        password: secret('Sent as HTTP Basic authentication.'),
      },
      { additionalProperties: false },
    ),
  ],
  { title: 'CrmCredentials', description: 'Credentials; encrypted at rest and never shown again.' },
);
export type Auth = Static<typeof Auth>;

const settings = {
  method: Type.Union([Type.Literal('POST'), Type.Literal('PUT'), Type.Literal('PATCH')]),
  url: url(
    'Where a lead is put. May hold templates behind the host; their values are percent-encoded.',
    'https://crm.example.com/api/contacts/{{lead.email}}',
  ),
  headers: Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Type.String({ maxLength: 4096 }), {
    default: {},
    description:
      'Further headers, with templates. A value that headers cannot carry fails the step; `url_encode` encodes it. Credentials belong in `auth`.',
  }),
  body: Type.Unknown({
    description:
      'JSON in which every text may hold templates, or a text of them; left out: the whole lead. Sent as the header `Content-Type` says: as JSON unless given, as a form for `application/x-www-form-urlencoded`.',
    examples: [
      { email: '{{lead.email}}', first_name: '{{lead.first_name}}', last_name: '{{lead.last_name}}' },
    ],
  }),
  id_path: Type.String({
    minLength: 1,
    maxLength: 500,
    description: 'Where the answer holds the id of the record: `data.id` or the JSON pointer `/data/id`.',
    examples: ['id'],
  }),
  idempotency_header: nullable(
    Type.String({
      minLength: 1,
      maxLength: 128,
      default: 'Idempotency-Key',
      description: 'Header that bears the key of the step, the same on every repetition; null sends none.',
    }),
  ),
  status_url: nullable(
    url('Asked with GET by `GET /api/crm/status`; a 2xx means ready.', 'https://crm.example.com/api/ping'),
  ),
};

export const ConnectorInput = Type.Object(
  {
    method: settings.method,
    url: settings.url,
    headers: Type.Optional(settings.headers),
    body: Type.Optional(settings.body),
    id_path: settings.id_path,
    idempotency_header: Type.Optional(settings.idempotency_header),
    status_url: Type.Optional(settings.status_url),
    auth: Type.Optional(Auth),
  },
  {
    title: 'CrmConfigInput',
    additionalProperties: false,
    examples: [
      {
        method: 'PUT',
        url: 'https://crm.example.com/api/contacts/{{lead.email}}',
        body: { email: '{{lead.email}}', first_name: '{{lead.first_name}}', last_name: '{{lead.last_name}}' },
        id_path: 'data.id',
        status_url: 'https://crm.example.com/api/ping',
        auth: { type: 'bearer', token: 'the token your CRM gave you' },
      },
    ],
  },
);
export type ConnectorInput = Static<typeof ConnectorInput>;

export const ConnectorView = Type.Object(
  {
    ...settings,
    auth: Type.Object({
      type: Type.Union(
        [Type.Literal('none'), Type.Literal('bearer'), Type.Literal('header'), Type.Literal('basic')],
        { examples: ['bearer'] },
      ),
      configured: Type.Boolean(),
    }),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
  },
  {
    title: 'CrmConfig',
    description: 'The configuration as it is now, without credentials.',
    additionalProperties: false,
  },
);
export type ConnectorView = Static<typeof ConnectorView>;

export const ConnectorStatus = Type.Object(
  {
    status: Type.Union([
      Type.Literal('ready'),
      Type.Literal('degraded'),
      Type.Literal('unavailable'),
      Type.Literal('not_configured'),
    ]),
    detail: Type.String({ description: 'In words.', examples: ['The CRM answered 200.'] }),
    latency_ms: nullable(
      Type.Number({ examples: [38.5], description: 'Of the question just asked; null when none was.' }),
    ),
    checked_at: Type.String({ format: 'date-time' }),
  },
  { title: 'CrmStatus', description: 'What the CRM said just now.', additionalProperties: false },
);
export type ConnectorStatus = Static<typeof ConnectorStatus>;
