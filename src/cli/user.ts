/** `user …`: who may use the server. */

import { type User, UserInput } from '@/features/auth/schema.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { ROLES } from '@/platform/identity/roles.ts';
import { type Argument, type Command, oneOf, requireValid, type Words } from './command.ts';
import { CONFIG_FLAG, DATA_FLAG, JSON_FLAG } from './locations.ts';
import { print, printJson, printTable } from './output.ts';
import { newPassword, PASSWORD_FLAG } from './password.ts';
import { inSession, type Session } from './session.ts';

const PLACES = { ...CONFIG_FLAG, ...DATA_FLAG };
const USERNAME: Argument = { name: 'USERNAME', help: 'name of the user' };
const ROLE: Argument = { name: 'ROLE', help: ROLES.join(', ') };
const PAGE = 1000;
const BESIDE =
  'Works while the server runs, which obeys within a second, and while it is stopped. Name the same --data-dir and --config as for "serve".';

/** Throws CommandFailure when there is no such user. */
export async function findUser({ users }: Session, username: string): Promise<User> {
  const user = await users.findByName(username);
  if (!user) throw new CommandFailure(`there is no user ${username}`);
  return user;
}

function show(words: Words, user: User, done: string): number {
  if (words.isSet('json')) printJson(user);
  else print(done);
  return 0;
}

async function allUsers({ users }: Session): Promise<User[]> {
  const found: User[] = [];
  for (;;) {
    const page = await users.list({ skip: found.length, limit: PAGE });
    found.push(...page.users);
    if (page.users.length < PAGE) return found;
  }
}

/** A command that changes one user, found by name. */
const change = (verb: 'activate' | 'deactivate', summary: string, about: string, done: string): Command => ({
  name: `user ${verb}`,
  summary,
  about: [about, BESIDE],
  args: [USERNAME],
  flags: { ...JSON_FLAG, ...PLACES },
  examples: [{ command: `user ${verb} grace`, does: summary }],
  run: (words) =>
    inSession(words, async (session) => {
      const { user_id, username } = await findUser(session, words.arg('USERNAME'));
      return show(words, await session.users[verb](session.actor, user_id), `${username} ${done}`);
    }),
});

export const userCommands: readonly Command[] = [
  {
    name: 'user create',
    summary: 'Create a user.',
    about: [
      'The password is asked for twice at the terminal, or read from standard input when that is no terminal; it never stands on the command line, where others could see it.',
      BESIDE,
    ],
    args: [USERNAME],
    flags: {
      role: { value: 'ROLE', help: 'The role: admin, operator or viewer (viewer unless given).' },
      email: { value: 'EMAIL', help: 'E-mail address.' },
      ...PASSWORD_FLAG,
      ...JSON_FLAG,
      ...PLACES,
    },
    examples: [
      { command: 'user create grace --role operator', does: 'Asks for the password' },
      {
        command:
          'user create ci-bot --role viewer --password-stdin --data-dir /var/lib/automation-orchestrator',
        does: 'In a script',
        before: 'openssl rand -base64 24 | tee ci-bot.password | ',
      },
    ],
    run: (words) =>
      inSession(words, async ({ users, actor }) => {
        const role = oneOf(words.text('role') ?? 'viewer', ROLES, '--role');
        const username = words.arg('USERNAME');
        const email = words.text('email');
        const password = await newPassword(words, username);
        const input = { username, password, role, ...(email === undefined ? {} : { email }) };
        requireValid(UserInput, input);
        const user = await users.create(actor, input);
        return show(
          words,
          user,
          `user ${user.username} created with the role ${user.role} (${user.user_id})`,
        );
      }),
  },
  {
    name: 'user list',
    summary: 'List all users.',
    about: [BESIDE],
    flags: { ...JSON_FLAG, ...PLACES },
    examples: [
      { command: 'user list', does: 'As a table' },
      {
        command: 'user list --json | jq -r ".users[] | select(.role == \\"admin\\") | .username"',
        does: 'The admins',
      },
    ],
    run: (words) =>
      inSession(words, async (session) => {
        const users = await allUsers(session);
        if (words.isSet('json')) {
          printJson({ users });
          return 0;
        }
        printTable(
          ['USERNAME', 'ROLE', 'STATE', 'E-MAIL', 'CREATED', 'ID'],
          users.map(({ username, role, active, email, created_at, user_id }) => [
            username,
            role,
            active ? 'active' : 'deactivated',
            email,
            created_at,
            user_id,
          ]),
        );
        return 0;
      }),
  },
  {
    name: 'user passwd',
    summary: 'Set a new password for a user.',
    about: [
      'Ends all access tokens of the user; their API keys stay. This is also the way back in when the admin password is lost.',
      BESIDE,
    ],
    args: [USERNAME],
    flags: { ...PASSWORD_FLAG, ...JSON_FLAG, ...PLACES },
    examples: [
      { command: 'user passwd admin', does: 'Asks for the new password' },
      { command: 'user passwd admin --password-stdin', does: 'In a script', before: 'cat admin.password | ' },
    ],
    run: (words) =>
      inSession(words, async (session) => {
        const { user_id, username } = await findUser(session, words.arg('USERNAME'));
        const password = await newPassword(words, username);
        const user = await session.users.setPassword(session.actor, user_id, password);
        return show(words, user, `password of ${username} set; earlier access tokens have ended`);
      }),
  },
  {
    name: 'user role',
    summary: 'Give a user another role.',
    about: ['Takes effect on tokens that are out already. The last active admin keeps that role.', BESIDE],
    args: [USERNAME, ROLE],
    flags: { ...JSON_FLAG, ...PLACES },
    examples: [{ command: 'user role grace admin', does: 'Make grace an admin' }],
    run: (words) =>
      inSession(words, async (session) => {
        const role = oneOf(words.arg('ROLE'), ROLES, 'ROLE');
        const { user_id, username } = await findUser(session, words.arg('USERNAME'));
        const user = await session.users.setRole(session.actor, user_id, role);
        return show(words, user, `${username} has the role ${user.role} now`);
      }),
  },
  change(
    'deactivate',
    'Lock a user out, without deleting anything.',
    'Ends the access tokens of the user for good and suspends their API keys. The last active admin stays active.',
    'is deactivated: neither the password nor API keys work',
  ),
  change(
    'activate',
    'Let a deactivated user in again.',
    'Their API keys work again, earlier tokens do not.',
    'is active again',
  ),
];
