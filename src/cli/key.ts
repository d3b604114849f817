/** `key …`: API keys, for programs that act as a user. */

import { ApiKeyInput } from '@/features/auth/schema.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import { ROLES } from '@/platform/identity/roles.ts';
import { type Command, oneOf, requireValid, wholeNumber } from './command.ts';
import { CONFIG_FLAG, DATA_FLAG, JSON_FLAG } from './locations.ts';
import { allPrinted, print, printJson, printTable, remark } from './output.ts';
import { inSession, type Session } from './session.ts';
import { findUser } from './user.ts';

const PLACES = { ...CONFIG_FLAG, ...DATA_FLAG };
const MAX_DAYS = 3650;

/** A key that could not be printed is one that nobody can use and nobody has seen: it is ended again. */
async function shownOrRevoked(session: Session, keyId: string): Promise<void> {
  try {
    await allPrinted();
  } catch (error) {
    await session.apiKeys.revoke(session.actor, keyId, null);
    throw new CommandFailure(`${messageOf(error)}; the key was revoked again`, 1, { cause: error });
  }
}

export const keyCommands: readonly Command[] = [
  {
    name: 'key create',
    summary: 'Make an API key for a user.',
    about: [
      'Prints the key on standard output, this once: only its hash is kept. Programs send it as X-API-Key. A key can never do more than its user can at that moment.',
    ],
    args: [
      { name: 'USERNAME', help: 'whom the key belongs to' },
      { name: 'NAME', help: 'what the key is for' },
    ],
    flags: {
      role: {
        value: 'ROLE',
        help: 'At most the role of the user, which it is unless given.',
      },
      days: { value: 'N', help: `Days until it expires, up to ${MAX_DAYS}; never unless given.` },
      ...JSON_FLAG,
      ...PLACES,
    },
    examples: [
      {
        command: 'key create grace "nightly import" --days 90',
        does: 'A key for a program of grace, for 90 days',
      },
      {
        command: 'key create grace dashboard --role viewer > key',
        does: 'One that can only read, into a file',
      },
    ],
    run: (words) =>
      inSession(words, async (session) => {
        const days = wholeNumber(words, 'days', 1, MAX_DAYS);
        const role = words.text('role');
        const owner = await findUser(session, words.arg('USERNAME'));
        const input: ApiKeyInput = {
          name: words.arg('NAME'),
          ...(days === undefined ? {} : { expires_in_days: days }),
          ...(role === undefined ? {} : { role: oneOf(role, ROLES, '--role') }),
        };
        requireValid(ApiKeyInput, input);
        const made = await session.apiKeys.create(
          session.actor,
          { id: owner.user_id, role: owner.role },
          input,
        );
        if (words.isSet('json')) printJson(made);
        else print(made.api_key);
        await shownOrRevoked(session, made.key_id);
        if (!words.isSet('json')) {
          const end = made.expires_at ? `expires ${made.expires_at}` : 'never expires';
          remark(
            `key ${made.key_id} of ${owner.username}, role ${made.role}, ${end}; it cannot be shown again`,
          );
        }
        return 0;
      }),
  },
  {
    name: 'key list',
    summary: 'List the API keys of all users, or of one.',
    flags: { user: { value: 'USERNAME', help: 'Only the keys of this user.' }, ...JSON_FLAG, ...PLACES },
    examples: [
      { command: 'key list', does: 'Everybody’s keys' },
      { command: 'key list --user grace --json', does: 'Those of grace, for a script' },
    ],
    run: (words) =>
      inSession(words, async (session) => {
        const username = words.text('user');
        const owner = username === undefined ? null : await findUser(session, username);
        const keys = (await session.apiKeys.listAll()).filter(
          ({ user_id }) => owner === null || user_id === owner.user_id,
        );
        if (words.isSet('json')) {
          printJson({ keys });
          return 0;
        }
        printTable(
          ['KEY', 'NAME', 'USER', 'ROLE', 'EXPIRES', 'LAST USED', 'ID'],
          keys.map((key) => [
            `${key.prefix}…`,
            key.name,
            key.username,
            key.role,
            key.expires_at ?? 'never',
            key.last_used_at ?? 'never',
            key.key_id,
          ]),
        );
        return 0;
      }),
  },
  {
    name: 'key revoke',
    summary: 'End an API key, within a second and for good.',
    args: [{ name: 'KEY_ID', help: 'the ID that "key list" shows' }],
    flags: PLACES,
    examples: [{ command: 'key revoke 019dbe0c-6f1a-7000-8000-3f1f2a9d4c11', does: 'End this key' }],
    run: (words) =>
      inSession(words, async ({ apiKeys, actor }) => {
        const id = words.arg('KEY_ID');
        await apiKeys.revoke(actor, id, null);
        print(`key ${id} revoked`);
        return 0;
      }),
  },
];
