/** The audit log as the API shows it; the only source of its types. */
import { type Static, Type } from '@sinclair/typebox';
import { idOf, nullable } from '@/platform/schema/parts.ts';

const time = (description: string) =>
  Type.String({ format: 'date-time', description, examples: ['2026-11-24T03:00:00.000Z'] });

export const Outcome = Type.Union(
  [Type.Literal('success'), Type.Literal('failure'), Type.Literal('denied')],
  { title: 'AuditOutcome', description: 'How it ended: done, failed, or refused for lack of rights.' },
);

const ActorType = Type.Union([
  Type.Literal('user'),
  Type.Literal('anonymous'),
  Type.Literal('system'),
  Type.Literal('cli'),
]);

export const AuditEvent = Type.Object(
  {
    seq: nullable(
      Type.Integer({ examples: [1250] }),
      'Place in the hash chain; null for about a second, until it is sealed.',
    ),
    id: Type.String({ examples: ['019dbe0c-6f1a-7000-8000-3f1f2a9d4c11'] }),
    occurred_at: time('When it happened.'),
    actor: Type.Object({
      type: ActorType,
      id: nullable(Type.String({ examples: ['0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77'] })),
      name: nullable(
        Type.String({ examples: ['grace'] }),
        'Of users the name they have now: only their id is in the log.',
      ),
    }),
    action: Type.String({ examples: ['lead.created'] }),
    target: nullable(
      Type.Object({
        type: nullable(Type.String({ examples: ['lead'] })),
        id: nullable(Type.String({ examples: ['0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77'] })),
      }),
    ),
    outcome: Outcome,
    request_id: nullable(Type.String({ examples: ['0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77'] })),
    address: nullable(Type.String({ examples: ['192.0.2.7'] })),
    details: Type.Union(
      [Type.Record(Type.String(), Type.Unknown()), Type.String(), Type.Array(Type.Unknown())],
      {
        description: 'Ids and names of fields, never personal values or secrets.',
      },
    ),
    hash: nullable(
      Type.String({ examples: ['b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9'] }),
      'SHA-256 over the hash before it and this event.',
    ),
  },
  { title: 'AuditEvent', description: 'Something that happened, and who did it.' },
);
export type AuditEvent = Static<typeof AuditEvent>;

export const EventQuery = Type.Object(
  {
    actor: Type.Optional(
      Type.String({ maxLength: 256, description: 'Id or name of who did it.', examples: ['grace'] }),
    ),
    actor_type: Type.Optional({
      ...ActorType,
      description: 'Only what users, strangers, the system or the command line did.',
    }),
    action: Type.Optional(
      Type.String({
        maxLength: 100,
        pattern: '^[a-z_]+(\\.[a-z_]+)*(\\.\\*)?$',
        description: 'Exact, or all of a kind.',
        examples: ['auth.*'],
      }),
    ),
    outcome: Type.Optional(Outcome),
    target: Type.Optional(
      Type.String({
        maxLength: 300,
        description: 'A kind (`lead`), an id, or both as `lead:ID`.',
        examples: ['lead'],
      }),
    ),
    from: Type.Optional(time('At or after this time.')),
    to: Type.Optional(time('Before this time.')),
    cursor: Type.Optional(
      Type.String({
        format: 'uuid',
        description: '`next_cursor` of the page before this one.',
        examples: ['0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77'],
      }),
    ),
    limit: Type.Integer({ default: 100, minimum: 1, maximum: 1000, description: 'Most events to return.' }),
  },
  { additionalProperties: false },
);
export type EventQuery = Static<typeof EventQuery>;

export const EventPage = Type.Object(
  {
    events: Type.Array(AuditEvent),
    next_cursor: nullable(Type.String(), 'Send it as `cursor` for the events before these; null at the end.'),
  },
  { title: 'AuditEventPage', description: 'A page of events.' },
);
export type EventPage = Static<typeof EventPage>;

const BackupFile = Type.String({
  description: 'Name under `backups/audit` of the data folder.',
  examples: ['audit_backup_20261124_030000.log.gz'],
  ...idOf('backup'),
});

export const BackupQuery = Type.Object(
  { compress: Type.Boolean({ default: false, description: 'gzip the backup.' }) },
  { additionalProperties: false },
);

export const BackupMade = Type.Object(
  {
    backup_file: BackupFile,
    size_bytes: Type.Integer({ examples: [48_211] }),
    compressed: Type.Boolean(),
    created_at: time('When the backup was made.'),
    events: Type.Integer({ description: 'Events in it.', examples: [1250] }),
    last_seq: Type.Integer({ examples: [1250], description: 'Place in the chain of its last event.' }),
  },
  { title: 'AuditBackupMade', description: 'The backup that was made.' },
);
export type BackupMade = Static<typeof BackupMade>;

export const BackupListed = Type.Object(
  {
    backup_file: BackupFile,
    size_bytes: Type.Integer({ examples: [48_211] }),
    created_at: time('When the backup was made.'),
  },
  { title: 'AuditBackup', description: 'A backup on the disk of this server.' },
);
export type BackupListed = Static<typeof BackupListed>;

export const BackupList = Type.Object(
  { backups: Type.Array(BackupListed) },
  { title: 'AuditBackupList', description: 'The backups there are.' },
);

export const BackupName = Type.Object({ name: BackupFile });

export const ChainVerdict = Type.Object(
  {
    ok: Type.Boolean({ description: 'Whether nothing was changed, removed, reordered or cut off.' }),
    events: Type.Integer({ description: 'Sealed events that were read.', examples: [1250] }),
    first_seq: nullable(Type.Integer({ examples: [1] })),
    last_seq: nullable(Type.Integer({ examples: [1250] })),
    unsealed: Type.Integer({ description: 'Events that wait for their place in the chain.' }),
    heads: Type.Integer({
      examples: [40],
      description: 'Signed heads, kept outside the database, that were compared.',
    }),
    problems: Type.Array(Type.String(), { description: 'What is wrong, in words; the first few.' }),
    notes: Type.Array(Type.String(), { description: 'What could not be compared.' }),
  },
  { title: 'ChainVerdict', description: 'What was read and compared, and what is wrong with it.' },
);
export type ChainVerdict = Static<typeof ChainVerdict>;
