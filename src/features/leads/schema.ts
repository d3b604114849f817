/** Leads as the API shows and takes them; the only source of their types. */
import { type ObjectOptions, type Static, type TString, Type } from '@sinclair/typebox';
import { idOf, nullable, pageFields, paging } from '@/platform/schema/parts.ts';

const text = (maxLength: number, description: string, example: string) =>
  nullable(Type.String({ maxLength, description, examples: [example] }));

/** Also of the stored form, which lower case can make longer than what was given. */
export const LONGEST_EMAIL = 320;

/** What a client may set. Absent and null mean the same on creation. */
const fields = {
  first_name: text(200, 'Given name.', 'Ada'),
  last_name: text(200, 'Family name.', 'Lovelace'),
  email: nullable(
    Type.String({
      maxLength: LONGEST_EMAIL,
      pattern: '^\\s*[^\\s@]+@[^\\s@]+\\s*$',
      description: 'Kept trimmed and in lower case.',
      examples: ['ada@example.com'],
    }),
  ),
  phone: text(64, 'Telephone number as given.', '+44 20 7946 0018'),
  company: text(300, 'Company name.', 'Analytical Engines Ltd'),
  source: text(200, 'Where the lead came from.', 'website'),
};

const customFields = (name: TString, options: ObjectOptions = {}) =>
  Type.Record(name, Type.Unknown(), {
    description: 'Anything else that is known, as a JSON object of at most 65,536 characters.',
    examples: [{ budget: 5000 }],
    ...options,
  });
/** By a pattern, because the lengths of a text are not looked at where it is a name. */
const GivenCustomFields = customFields(Type.String({ pattern: '^[\\s\\S]{1,100}$' }), {
  additionalProperties: false,
});

const EXAMPLE = {
  first_name: 'Ada',
  last_name: 'Lovelace',
  email: 'ada@example.com',
  phone: '+44 20 7946 0018',
  company: 'Analytical Engines Ltd',
  source: 'website',
  custom_fields: { budget: 5000 },
};

export const LeadInput = Type.Object(
  {
    first_name: Type.Optional(fields.first_name),
    last_name: Type.Optional(fields.last_name),
    email: Type.Optional(fields.email),
    phone: Type.Optional(fields.phone),
    company: Type.Optional(fields.company),
    source: Type.Optional(fields.source),
    custom_fields: Type.Optional(GivenCustomFields),
  },
  { title: 'LeadInput', additionalProperties: false, examples: [EXAMPLE] },
);
export type LeadInput = Static<typeof LeadInput>;

/** A partial change: fields left out stay; null clears; custom fields are merged key by key (RFC 7396). */
export const LeadPatch = Type.Object(LeadInput.properties, {
  title: 'LeadPatch',
  additionalProperties: false,
  minProperties: 1,
  examples: [{ phone: '+44 20 7946 0019', custom_fields: { budget: null } }],
});
export type LeadPatch = Static<typeof LeadPatch>;

export const Lead = Type.Object(
  {
    id: Type.String({ format: 'uuid', ...idOf('lead') }),
    ...fields,
    email: text(LONGEST_EMAIL, 'E-mail address.', 'ada@example.com'),
    custom_fields: customFields(Type.String()),
    crm_id: text(500, 'Id of the record in the CRM, once a workflow has put it there.', '4711'),
    version: Type.Integer({ minimum: 1, description: 'Grows with each change; the ETag.' }),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
  },
  { title: 'Lead', description: 'The lead as it is stored now.', additionalProperties: false },
);
export type Lead = Static<typeof Lead>;

export const LeadCreated = Type.Object(
  {
    id: Type.String({ format: 'uuid', ...idOf('lead') }),
    status: Type.Literal('created'),
    message: Type.String({ examples: ['Lead created'] }),
    crm_id: nullable(Type.String()),
    timestamp: Type.String({ format: 'date-time' }),
    data: Lead,
  },
  { title: 'LeadCreated', description: 'The lead as it was stored.' },
);
export type LeadCreated = Static<typeof LeadCreated>;

export const LeadQuery = Type.Object(
  {
    ...paging,
    source: Type.Optional(
      Type.String({ maxLength: 200, description: 'Only leads of this source.', examples: ['website'] }),
    ),
    email: Type.Optional(
      Type.String({
        maxLength: 320,
        description: 'Only leads with this address.',
        examples: ['ada@example.com'],
      }),
    ),
    company: Type.Optional(
      Type.String({
        maxLength: 300,
        description: 'Only leads of this company.',
        examples: ['Analytical Engines Ltd'],
      }),
    ),
    created_after: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'Created at or after this time.',
        examples: ['2026-01-01T00:00:00Z'],
      }),
    ),
    created_before: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'Created before this time.',
        examples: ['2026-02-01T00:00:00Z'],
      }),
    ),
  },
  { additionalProperties: false },
);
export type LeadQuery = Static<typeof LeadQuery>;

export const LeadPage = Type.Object(
  {
    ...pageFields,
    leads: Type.Array(Lead),
  },
  { title: 'LeadPage', description: 'A page of leads.' },
);
export type LeadPage = Static<typeof LeadPage>;

export const LeadId = Type.Object({
  id: Type.String({ format: 'uuid', description: 'Id of the lead.', ...idOf('lead') }),
});

const ChangeKind = Type.Union(
  [Type.Literal('created'), Type.Literal('updated'), Type.Literal('merged'), Type.Literal('removed')],
  { description: 'What happened to the lead.', examples: ['updated'] },
);
export type ChangeKind = Static<typeof ChangeKind>;

const FieldChanges = Type.Record(
  Type.String(),
  Type.Object(
    { before: Type.Unknown({ examples: ['website'] }), after: Type.Unknown({ examples: ['fair'] }) },
    { additionalProperties: false },
  ),
  {
    description: 'Each field that changed, by name. Of `custom_fields` only the keys that changed.',
    examples: [{ phone: { before: null, after: '+44 20 7946 0019' } }],
  },
);
export type FieldChanges = Static<typeof FieldChanges>;

const LeadChange = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    kind: ChangeKind,
    at: Type.String({ format: 'date-time' }),
    actor: Type.Object(
      {
        type: Type.String({ description: '`user`, `anonymous`, `system` or `cli`.', examples: ['user'] }),
        id: nullable(Type.String(), 'Of the user; null for one that has none.'),
      },
      { additionalProperties: false, description: 'Who changed it.' },
    ),
    run_id: nullable(Type.String(), 'The run whose step changed it, if one did.'),
    request_id: nullable(Type.String(), 'As in `X-Request-Id` of the request that changed it.'),
    version: Type.Integer({ minimum: 1, description: 'Of the lead after the change.' }),
    changes: FieldChanges,
  },
  { additionalProperties: false, title: 'LeadChange', description: 'One change of a lead.' },
);

export const LeadTimeline = Type.Object(
  {
    changes: Type.Array(LeadChange),
    next_cursor: nullable(
      Type.String(),
      'Send it as `cursor` for the changes before these; null at the end.',
    ),
  },
  { title: 'LeadTimeline', description: 'Changes of a lead, the newest first.' },
);
export type LeadTimeline = Static<typeof LeadTimeline>;

export const TimelineQuery = Type.Object(
  {
    // Each entry can be twice as large as a lead.
    limit: Type.Integer({ default: 50, minimum: 1, maximum: 100, description: 'Most changes to return.' }),
    cursor: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}$',
        description: '`next_cursor` of the page before this one.',
        examples: ['1729'],
      }),
    ),
  },
  { additionalProperties: false },
);
export type TimelineQuery = Static<typeof TimelineQuery>;
