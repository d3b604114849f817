/** Users, log-in and API keys as the API shows and takes them; the only source of their types. */
import { type Static, Type } from '@sinclair/typebox';
import { idOf, nullable, pageFields, paging } from '@/platform/schema/parts.ts';

/** No control characters and no half of a surrogate pair: what every store and hash takes unchanged. */
const CLEAN = '^(?:[^\\u0000-\\u001f\\u007f\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff])*$';

/** What stands before and after the @: as CLEAN, without white space. */
const PART = '(?:[^\\s@\\u0000-\\u001f\\u007f\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff])+';

const Uuid = (description: string, kind?: string) =>
  Type.String({
    format: 'uuid',
    description,
    examples: ['0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77'],
    ...(kind && idOf(kind)),
  });
const Time = (description: string) =>
  Type.String({ format: 'date-time', description, examples: ['2026-01-31T09:30:00.000Z'] });

const RoleName = Type.Union([Type.Literal('admin'), Type.Literal('operator'), Type.Literal('viewer')], {
  title: 'Role',
  description: 'admin, operator or viewer.',
  examples: ['operator'],
});

const Username = Type.String({
  minLength: 3,
  maxLength: 64,
  pattern: '^[A-Za-z0-9._@-]+$',
  description: '3 to 64 letters, digits and . _ @ - ; upper and lower case are one name.',
  examples: ['grace'],
});

const GivenPassword = Type.String({
  minLength: 1,
  maxLength: 1024,
  pattern: CLEAN,
  description: 'The password as it is now.',
  examples: ['correct horse battery staple'],
});

/** The shortest length is a matter of configuration, and checked by the service. */
const NewPassword = Type.String({
  minLength: 1,
  maxLength: 1024,
  pattern: CLEAN,
  description: 'At least `auth.password_min_length` characters, at most 1024 bytes.',
  examples: ['a sentence that only I would say'],
});

const Email = nullable(
  Type.String({
    maxLength: 320,
    pattern: `^\\s*${PART}@${PART}\\s*$`,
    description: 'Kept trimmed and in lower case.',
    examples: ['grace@example.com'],
  }),
);

export const LoginInput = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: 256, pattern: CLEAN, examples: ['admin'] }),
    password: GivenPassword,
  },
  {
    title: 'LoginInput',
    additionalProperties: false,
    examples: [{ username: 'admin', password: 'correct horse battery staple' }],
  },
);
export type LoginInput = Static<typeof LoginInput>;

export const LoginAnswer = Type.Object(
  {
    access_token: Type.String({
      description: 'Send it as `Authorization: Bearer …`.',
      examples: ['eyJhbGciOi…'],
    }),
    token_type: Type.Literal('bearer'),
    expires_in: Type.Integer({ description: 'Seconds.', examples: [3600] }),
    user_id: Uuid('Id of the user.'),
    username: Type.String({ examples: ['admin'] }),
    role: { ...RoleName, examples: ['admin'] },
  },
  { title: 'AccessToken', description: 'The access token, and whose it is.' },
);
export type LoginAnswer = Static<typeof LoginAnswer>;

export const LogoutQuery = Type.Object(
  {
    everywhere: Type.Boolean({
      default: false,
      description: 'End every token of the user, not only this one. API keys stay.',
    }),
  },
  { additionalProperties: false },
);

export const PasswordChange = Type.Object(
  { current_password: GivenPassword, new_password: NewPassword },
  {
    title: 'PasswordChange',
    additionalProperties: false,
    examples: [
      {
        current_password: 'correct horse battery staple',
        new_password: 'a sentence that only I would say',
      },
    ],
  },
);
export type PasswordChange = Static<typeof PasswordChange>;

export const Me = Type.Object(
  {
    user_id: nullable(Uuid('Id of the user; null while authentication is switched off.')),
    username: Type.String({ examples: ['admin'] }),
    email: nullable(Type.String({ examples: ['admin@example.com'] })),
    role: { ...RoleName, examples: ['admin'] },
    permissions: Type.Array(Type.String(), { examples: [['leads:read', 'keys:own']] }),
  },
  { title: 'Me', description: 'The user behind the request, and what they may do.' },
);
export type Me = Static<typeof Me>;

export const UserInput = Type.Object(
  { username: Username, password: NewPassword, role: RoleName, email: Type.Optional(Email) },
  {
    title: 'UserInput',
    additionalProperties: false,
    examples: [
      {
        username: 'grace',
        password: 'a sentence that only I would say',
        role: 'operator',
        email: 'grace@example.com',
      },
    ],
  },
);
export type UserInput = Static<typeof UserInput>;

export const User = Type.Object(
  {
    user_id: Uuid('Id of the user.', 'user'),
    username: Type.String({ examples: ['grace'] }),
    email: nullable(Type.String({ examples: ['grace@example.com'] })),
    role: RoleName,
    active: Type.Boolean({ description: 'A deactivated user can neither log in nor use tokens or keys.' }),
    created_at: Time('When the user was created.'),
    updated_at: Time('When role, state or password last changed.'),
  },
  { title: 'User', description: 'The user as they are now.' },
);
export type User = Static<typeof User>;

export const UserQuery = Type.Object(
  {
    ...paging,
    role: Type.Optional(RoleName),
    active: Type.Optional(Type.Boolean({ description: 'Only active, or only deactivated, users.' })),
  },
  { additionalProperties: false },
);
export type UserQuery = Static<typeof UserQuery>;

export const UserPage = Type.Object(
  {
    ...pageFields,
    users: Type.Array(User),
  },
  { title: 'UserPage', description: 'A page of users.' },
);
export type UserPage = Static<typeof UserPage>;

export const UserId = Type.Object({ id: Uuid('Id of the user.', 'user') });

export const RoleChange = Type.Object(
  { role: RoleName },
  { title: 'RoleChange', additionalProperties: false, examples: [{ role: 'viewer' }] },
);

export const PasswordReset = Type.Object(
  { password: NewPassword },
  {
    title: 'PasswordReset',
    additionalProperties: false,
    examples: [{ password: 'a sentence that only I would say' }],
  },
);

export const ApiKeyInput = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 100,
      pattern: CLEAN,
      description: 'What the key is for.',
      examples: ['nightly import'],
    }),
    expires_in_days: Type.Optional(
      nullable(Type.Integer({ minimum: 1, maximum: 3650, description: 'Never expires when left out.' })),
    ),
    role: Type.Optional(RoleName),
  },
  {
    title: 'ApiKeyInput',
    additionalProperties: false,
    examples: [{ name: 'nightly import', expires_in_days: 90 }],
  },
);
export type ApiKeyInput = Static<typeof ApiKeyInput>;

const keyFields = {
  key_id: Uuid('Id of the key.', 'API key'),
  name: Type.String({ examples: ['nightly import'] }),
  role: RoleName,
  created_at: Time('When the key was made.'),
  expires_at: nullable(Time('When it ends; null for never.')),
};

export const ApiKeyCreated = Type.Object(
  {
    ...keyFields,
    api_key: Type.String({
      description: 'Shown this once. Send it as `X-API-Key`.',
      examples: ['ao_Zq3t8f1vXo0GZ1oW7q2m5kq0bS9yT4uE6hJ8nLcRxAa'],
    }),
  },
  { title: 'ApiKeyCreated', description: 'The key that was made; itself shown this once.' },
);
export type ApiKeyCreated = Static<typeof ApiKeyCreated>;

export const ApiKey = Type.Object(
  {
    ...keyFields,
    prefix: Type.String({ description: 'First characters of the key.', examples: ['ao_Zq3t8f'] }),
    last_used_at: nullable(Time('Last use, to the minute; null when never used.')),
  },
  { title: 'ApiKey', description: 'An API key, without the key itself.' },
);
export type ApiKey = Static<typeof ApiKey>;

export const ApiKeyList = Type.Object(
  { keys: Type.Array(ApiKey) },
  { title: 'ApiKeyList', description: 'The keys that were not deleted.' },
);
export type ApiKeyList = Static<typeof ApiKeyList>;

export const ApiKeyId = Type.Object({ key_id: Uuid('Id of the key.', 'API key') });
