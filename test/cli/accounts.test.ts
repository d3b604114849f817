/** `user …` and `key …` against a data folder, without a server and beside one that grants write turns. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandOptions, type Ended, runCommand, startedOnce } from '@test/support/command_line.ts';
import { type TemporaryFolder, temporaryFolder } from '@test/support/folder.ts';
import { describeWith } from '@test/support/services.ts';
import { serveTurns } from '@/platform/db/turns.ts';
import { silentLogger } from '@/platform/log/log.ts';

const PASSWORD = 'a sentence that only I would say';
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await startedOnce();
});
afterAll(() => folder.remove());

const run = (args: readonly string[], options?: CommandOptions): Promise<Ended> =>
  runCommand([...args, '--data-dir', folder.path], options);

async function good(args: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await run(args, stdin === undefined ? {} : { stdin });
  expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

async function refused(args: readonly string[], stdin?: string): Promise<[number, string]> {
  const { code, stdout, stderr } = await run(args, stdin === undefined ? {} : { stdin });
  expect(stdout).toBe('');
  return [code, stderr.replace('automation-orchestrator: ', '').trimEnd()];
}

const users = async (): Promise<Record<string, unknown>[]> =>
  JSON.parse(await good(['user', 'list', '--json'])).users;
const actions = async (): Promise<string[]> =>
  (await good(['audit', 'tail', '--json', '--lines', '100']))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ actor }) => actor.type === 'cli')
    .map(({ action }) => action);

describe('user', () => {
  test('with a name that is too short hears how long it has to be', async () => {
    const [code, said] = await refused(['user', 'create', 'u1', '--password-stdin'], `${PASSWORD}\n`);
    expect([code, said]).toEqual([2, expect.stringContaining('3 to 64')]);
  });

  test('lives from its creation to its deactivation, and each change is in the audit log', async () => {
    await good(
      ['user', 'create', 'grace', '--email', 'Grace@Example.com', '--password-stdin'],
      `${PASSWORD}\n`,
    );
    expect(await users()).toContainEqual(
      expect.objectContaining({
        username: 'grace',
        role: 'viewer',
        active: true,
        email: 'grace@example.com',
      }),
    );
    await good(['user', 'role', 'GRACE', 'operator']);
    await good(['user', 'passwd', 'grace'], 'another sentence of mine');
    await good(['user', 'deactivate', 'grace']);
    expect(await users()).toContainEqual(
      expect.objectContaining({ username: 'grace', role: 'operator', active: false }),
    );
    await good(['user', 'activate', 'grace']);
    expect(await actions()).toEqual([
      'user.created',
      'user.role_changed',
      'user.password_changed',
      'user.deactivated',
      'user.activated',
    ]);
    expect(await good(['user', 'list'])).toMatch(/^grace +operator +active +grace@example\.com /m);
  });

  test('is refused with the reason', async () => {
    const create = ['user', 'create', 'ada'];
    expect(await refused(create, 'short')).toEqual([2, 'The password must have at least 12 characters.']);
    expect(await refused(create, '')).toEqual([
      2,
      expect.stringContaining('there is no password on standard input'),
    ]);
    expect(await refused([...create, '--role', 'amdin'], PASSWORD)).toEqual([
      2,
      '--role must be one of admin, operator, viewer, not "amdin"; did you mean admin?',
    ]);
    expect(await refused(['user', 'create', 'a b'], PASSWORD)).toEqual([
      2,
      expect.stringContaining('username'),
    ]);
    expect(await refused(['user', 'create', 'hans', '--email', 'nomail'], PASSWORD)).toEqual([
      2,
      'email is not valid: Not in the expected form; an example is "grace@example.com"',
    ]);
    expect(await refused(['user', 'create', 'Admin'], PASSWORD)).toEqual([
      1,
      expect.stringContaining('taken'),
    ]);
    expect(await refused(['user', 'passwd', 'nobody'], PASSWORD)).toEqual([1, 'there is no user nobody']);
    expect(await refused(['user', 'role', 'admin', 'viewer'])).toEqual([
      1,
      expect.stringContaining('last active admin'),
    ]);
  });
});

describe('key', () => {
  test('is printed once, listed without its secret, and revoked', async () => {
    const key = (
      await good(['key', 'create', 'admin', 'nightly import', '--role', 'viewer', '--days', '9'])
    ).trim();
    expect(key).toMatch(/^ao_[\w-]{43}$/);
    const listed = await good(['key', 'list', '--user', 'admin', '--json']);
    expect(listed).not.toContain(key);
    const [{ key_id: id, ...shown }] = JSON.parse(listed).keys;
    expect(shown).toMatchObject({ name: 'nightly import', role: 'viewer', username: 'admin' });
    expect(await good(['key', 'list'])).toContain('nightly import');
    await good(['key', 'revoke', id]);
    expect(JSON.parse(await good(['key', 'list', '--json'])).keys).toEqual([]);
    expect(await refused(['key', 'revoke', id])).toEqual([1, `There is no API key ${id}.`]);
  });

  test('is refused with the reason', async () => {
    expect(await refused(['key', 'create', 'admin', 'x', '--days', '0'])).toEqual([
      2,
      '--days must be a whole number from 1 to 3650, not "0"',
    ]);
    expect(await refused(['key', 'create', 'nobody', 'x'])).toEqual([1, 'there is no user nobody']);
  });
});

test('commands wait for their write turn beside a running server', async () => {
  const server = await serveTurns(folder.paths.turnsSocket, silentLogger);
  try {
    const names = ['one', 'two', 'three'];
    await Promise.all(names.map((name) => good(['user', 'create', name, '--password-stdin'], PASSWORD)));
    expect((await users()).map(({ username }) => username)).toEqual(expect.arrayContaining(names));
  } finally {
    await server.close();
  }
});

describe('a data folder is refused', () => {
  test('where no server has ever started, without making anything there', async () => {
    await using empty = temporaryFolder();
    const { code, stderr } = await runCommand(['user', 'list', '--data-dir', empty.path]);
    expect(code).toBe(1);
    expect(stderr).toContain(`there is no database ${join(empty.path, 'orchestrator.sqlite3')}`);
    expect(await Bun.file(join(empty.path, 'orchestrator.sqlite3')).exists()).toBe(false);
  });

  // Only root can give a file away.
  test.if(process.getuid?.() === 0)('when its files belong to another user', async () => {
    await using other = await startedOnce();
    chownSync(join(other.path, 'orchestrator.sqlite3'), 12345, 12345);
    const { code, stderr } = await runCommand(['user', 'list', '--data-dir', other.path]);
    expect(code).toBe(1);
    expect(stderr).toContain('belongs to another user (id 12345)');
  });
});

test('output that cannot be written is a failure, and a key that nobody has seen is revoked', async () => {
  await using own = await startedOnce();
  const stdout = Bun.file('/dev/full');
  const run = (args: readonly string[], options?: CommandOptions): Promise<Ended> =>
    runCommand([...args, '--data-dir', own.path], options);
  for (const args of [
    ['user', 'list'],
    ['audit', 'tail'],
    ['audit', 'backup'],
  ]) {
    const { code, stderr } = await run(args, { stdout });
    expect([args, code, stderr]).toEqual([
      args,
      1,
      expect.stringContaining('the output could not be written: ENOSPC'),
    ]);
  }
  const { code, stderr } = await run(['key', 'create', 'admin', 'lost'], { stdout });
  expect(code).toBe(1);
  expect(stderr).toContain('the key was revoked again');
  expect(JSON.parse((await run(['key', 'list', '--json'])).stdout).keys).toEqual([]);
});

describeWith('script', Bun.which('script') !== null, 'at a terminal', () => {
  test('a password is asked for twice and not shown, also when it was typed ahead', async () => {
    await using own = await startedOnce();
    const command = `${process.execPath} src/main.ts user create typed --data-dir ${own.path}`;
    const child = Bun.spawn(['script', '-qec', command, '/dev/null'], {
      stdin: new TextEncoder().encode(`${PASSWORD}\n${PASSWORD}\n`),
      stdout: 'pipe',
    });
    expect(await new Response(child.stdout).text()).toContain('user typed created');
    expect(await child.exited).toBe(0);
  });
});
