/** `config check` says in one go what `serve` would refuse or warn of. */
import { describe, expect, test } from 'bun:test';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { runCommand } from '@test/support/command_line.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { prepareDataFolder } from '@/supervisor/data_folder.ts';
import { lockDataFolder } from '@/supervisor/lock.ts';

const SECRET = 'a secret of more than thirty-two bytes';

/** Checks with `config` as the file, an unused data folder and any free port unless `args` say otherwise. */
async function check(
  config: unknown,
  { env = {}, args = [] }: { env?: Record<string, string>; args?: readonly string[] } = {},
) {
  await using folder = temporaryFolder();
  const file = join(folder.path, 'config.json');
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
  const data = join(folder.path, 'data');
  const places = ['--config', file, ...(args.includes('--data-dir') ? [] : ['--data-dir', data])];
  const port = args.includes('--port') ? [] : ['--port', '0'];
  const { code, stdout, stderr } = await runCommand(['config', 'check', ...places, ...port, ...args], {
    env,
  });
  expect(existsSync(data)).toBe(false);
  const plain = (text: string): string => text.replaceAll(file, '{file}').replaceAll(data, '{data}').trim();
  return { code, stdout: plain(stdout), said: plain(stderr) };
}

describe('config check', () => {
  test('calls a good configuration good, and touches nothing', async () => {
    expect(await check({})).toEqual({ code: 0, stdout: '{file}: good', said: '' });
    const production = await runCommand(
      ['config', 'check', '--config', 'config/production.json', '--port', '0'],
      { env: { JWT_SECRET: SECRET } },
    );
    expect(production).toEqual({ code: 0, stdout: 'config/production.json: good\n', stderr: '' });
  });

  test('tells everything at once, each with its place, and never a secret', async () => {
    const config = {
      server: { workers: 'four', trusted_proxies: ['proxy'] },
      auth: { enabled: false },
      rate_limit: { routes: { 'POST /api/lead': { max_requests: 1, window_seconds: 1 } } },
      audit: { backup_schedule: 'at three' },
    };
    const { code, said } = await check(config, {
      env: {
        JWT_SECRET: 'hunter2',
        AO_ENCRYPTION_KEY: 'hunter2',
        AO_ADMIN_PASSWORD: 'hunter2',
        AO_REDIS__PASSWORD_FILE: '/nowhere',
        DATABASE_URL: 'postgres://u:hunter2/w@h:x/db',
        AO_LOG__LEVLE: 'info',
        AO_ENV: 'staging',
      },
    });
    expect(code).toBe(2);
    expect(said).not.toContain('hunter2');
    for (const line of [
      'error: {file}:1:12: server.workers must be a whole number from 1 to 256, not "four"',
      'error: {file}:1:48: "proxy" is neither an address nor a range such as 10.0.0.0/8',
      'audit.backup_schedule "at three" is not a cron expression',
      'error: AO_REDIS__PASSWORD_FILE: the file /nowhere cannot be read: ENOENT',
      'error: AO_LOG__LEVLE: log.levle is not a known key; did you mean AO_LOG__LEVEL?',
      'error: JWT_SECRET is too short',
      'error: AO_ENCRYPTION_KEY must be 32 bytes in base64',
      'error: DATABASE_URL: database.url is not of the form postgres://',
      'warning: AO_ADMIN_PASSWORD must have at least 12 characters',
      'auth.enabled is false: everybody on this machine is an operator',
      'rate_limit.routes names a route that does not exist: POST /api/lead; did you mean POST /api/leads?',
      'note: AO_ENV: "staging" counts as development',
      '{file}: 8 errors, 3 warnings and 1 note; the server would not start',
    ]) {
      expect(said).toContain(line);
    }
    expect(said.split('\n')).toHaveLength(13);
  });

  test('is good with warnings, and says so', async () => {
    const { code, stdout, said } = await check(
      { auth: { enabled: false }, server: { host: '127.0.0.1' }, redis: { tls: true, tls_ca_file: '/no' } },
      { env: { AO_FOO: '1' } },
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{file}: good, with 2 warnings and 2 notes' });
    expect(said).toContain('auth.enabled is false: everybody on this machine is an operator');
    expect(said).toContain('redis.tls_ca_file cannot be read: ENOENT');
    expect(said).toContain('redis.tls is true and redis.port is 6379');
    expect(said).toContain('AO_FOO is not a variable of this program');
  });

  test('is JSON for scripts', async () => {
    const { code, stdout, said } = await check(
      { log: { level: 'loud' } },
      { env: { JWT_SECRET: 'x' }, args: ['--json'] },
    );
    expect({ code, said }).toEqual({ code: 2, said: '' });
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      findings: [
        {
          level: 'error',
          key: 'log.level',
          where: '{file}:1:9',
          message: 'log.level must be one of "debug", "info", "warn", "error", not "loud"',
        },
        {
          level: 'error',
          key: null,
          where: null,
          message: expect.stringContaining('JWT_SECRET is too short'),
        },
      ],
    });
    expect(JSON.parse((await check({}, { args: ['--json'] })).stdout)).toEqual({ ok: true, findings: [] });
  });

  test('goes on behind a file that is not JSON, without guesses about what stands in it', async () => {
    const { code, said } = await check('{"redis": {"required": true,}}', { env: { JWT_SECRET: 'x' } });
    expect(code).toBe(2);
    expect(said).toContain('error: {file}:1:29: there is a comma too many before this "}"');
    expect(said).toContain('error: JWT_SECRET is too short');
    expect(said.split('\n')).toHaveLength(3);
  });

  test.each([
    ['production', { AO_ENV: 'production' }, {}, 'JWT_SECRET is missing: AO_ENV is production'],
    ['a required Redis', {}, { redis: { required: true } }, 'JWT_SECRET is missing: redis.required is true'],
    [
      'a first password that may not be chosen',
      { AO_ADMIN_PASSWORD: 'x' },
      {},
      'error: AO_ADMIN_PASSWORD must have',
    ],
    [
      'a database outside the data folder',
      {},
      { database: { url: 'sqlite:../x' } },
      'outside the data folder',
    ],
    [
      'an authority that a required Redis needs',
      { JWT_SECRET: SECRET },
      { redis: { required: true, tls: true, tls_ca_file: '/no' } },
      'error: {file}:1:38: redis.tls_ca_file cannot be read',
    ],
  ] as [string, Record<string, string>, unknown, string][])('refuses %s', async (_, env, config, line) => {
    const { code, said } = await check(config, { env });
    expect(code).toBe(2);
    expect(said).toContain(line);
  });

  test('does not call a secret missing whose file cannot be read', async () => {
    const { said } = await check({}, { env: { AO_ENV: 'production', JWT_SECRET_FILE: '/nowhere' } });
    expect(said.split('\n')).toHaveLength(2);
  });

  test('finds a data folder that cannot be written, and a damaged secret in one that can', async () => {
    await using folder = temporaryFolder();
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    const bad = await check({}, { args: ['--data-dir', join(file, 'data')] });
    expect(bad).toMatchObject({ code: 2, said: expect.stringContaining(`${file} is not a folder`) });
    const { secrets, root } = prepareDataFolder(join(folder.path, 'good'));
    writeFileSync(join(secrets, 'encryption_key'), 'cut of');
    const damaged = await check({}, { args: ['--data-dir', root] });
    expect(damaged).toMatchObject({ code: 2, said: expect.stringContaining('encryption_key is damaged') });
  });

  test('finds a port that is taken, unless the server that is to be reloaded has it', async () => {
    await using folder = temporaryFolder();
    const listener = createServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    listener.listen({ host: '127.0.0.1', port: 0 }, resolve);
    await promise;
    const { port } = listener.address() as { port: number };
    const args = ['--host', '127.0.0.1', '--port', String(port), '--data-dir', folder.path];
    const taken = await check({}, { args });
    expect(taken.code).toBe(2);
    expect(taken.said).toContain(`--port: cannot listen on 127.0.0.1:${port}: the port is taken`);

    const lock = lockDataFolder(prepareDataFolder(folder.path));
    const beside = await check({}, { args });
    expect(beside.code).toBe(0);
    expect(beside.said).toContain(`a server (process ${process.pid}) is running already`);
    lock.release();
    expect((await check({}, { args })).code).toBe(2);
    // As systemd runs the commands of ExecReload.
    expect((await check({}, { args, env: { MAINPID: '4711' } })).said).toContain('process 4711');
    listener.close();
  });

  test('says what serve says: one list of checks', async () => {
    await using folder = temporaryFolder();
    const env = {
      AO_ENV: 'production',
      AO_ENCRYPTION_KEY: 'hunter2\n',
      AO_RATE_LIMIT__ROUTES: '{"GET /api/lead": {"max_requests": 1, "window_seconds": 1}}',
      AO_FOO: '1',
    };
    const words = ['--port', '0', '--data-dir', folder.path];
    const checked = await runCommand(['config', 'check', '--json', ...words], { env });
    const served = await runCommand(['serve', ...words], { env });
    expect([checked.code, served.code]).toEqual([2, 2]);
    const { findings } = JSON.parse(checked.stdout) as {
      findings: { level: string; where: string | null; message: string }[];
    };
    expect(findings.map(({ level }) => level)).toEqual(['error', 'error', 'warning', 'note', 'note']);
    for (const { message } of findings) expect(served.stdout).toContain(JSON.stringify(message).slice(1, -1));
    expect(served.stdout).not.toContain('hunter2');
  });

  test('finds a configuration file that cannot be read', async () => {
    const { code, stderr } = await runCommand([
      'config',
      'check',
      '--config',
      '/nowhere.json',
      '--port',
      '0',
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('error: the configuration file /nowhere.json cannot be read: ENOENT');
  });
});
