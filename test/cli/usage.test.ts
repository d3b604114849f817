import { describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '@test/support/command_line.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { version } from '../../package.json';

describe('wrong usage ends with exit code 2 and one line that says what was meant:', () => {
  test.each([
    [['serv'], '"serv" is not a command; did you mean "serve"?'],
    [['user', 'creat'], '"creat" is not a command; did you mean "create"?'],
    [['config', 'check', '--confg', 'x'], '--confg is not a flag of "config check"; did you mean --config?'],
    [['serve', '--port'], '--port needs a value: --port N'],
    [['serve', '--port', '--workers', '2'], '--port needs a value: --port N'],
    [['serve', '--data-dir', ''], '--data-dir needs a value: --data-dir DIR'],
    [['serve', '--data-dir='], '--data-dir needs a value: --data-dir DIR'],
    [['__worker'], '"__worker" is not a command'],
    [['version', '--json=yes'], '--json takes no value'],
    [['user', 'create'], 'USERNAME is missing: name of the user'],
    [['key', 'revoke', 'a', 'b'], '"b" is one argument too many'],
    [['serve', '--port', '70000'], '--port: server.port must be a whole number from 0 to 65535, not 70000'],
    [['serve', '--role', 'both'], '--role: server.role must be one of "all", "api", "runner", not "both"'],
  ])('%p', async (args, said) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toStartWith('automation-orchestrator: ');
    expect(stderr).toContain(said);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('version', () => {
  test('says version and commit', async () => {
    const { code, stdout } = await runCommand(['version']);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toStartWith(`automation-orchestrator ${version} (commit `);
    expect((await runCommand(['--version'])).stdout).toBe(stdout);
  });

  test('is JSON for scripts', async () => {
    const { stdout } = await runCommand(['version', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ version, bun: Bun.version });
  });
});

describe('config', () => {
  test('show merges file and environment and masks passwords', async () => {
    const env = { AO_REDIS__PASSWORD: 'hunter2', DATABASE_URL: 'postgres://ao:hunter2@db/ao' };
    const { code, stdout } = await runCommand(['config', 'show', '--config', 'config/production.json'], {
      env,
    });
    expect(code).toBe(0);
    expect(stdout).not.toContain('hunter2');
    expect(JSON.parse(stdout)).toMatchObject({
      rate_limit: { max_requests: 200 },
      redis: { required: true, password: '[masked]' },
      database: { url: 'postgres://ao:[masked]@db/ao' },
      server: { port: 8000 },
    });
  });

  test('what show prints is itself a good file', async () => {
    await using folder = temporaryFolder();
    const file = join(folder.path, 'shown.json');
    writeFileSync(file, (await runCommand(['config', 'show'])).stdout);
    const { stdout } = await runCommand(['config', 'show', '--config', file]);
    expect(stdout).toBe(readFileSync(file, 'utf8'));
  });

  test('schema is a JSON Schema with every default', async () => {
    const { stdout } = await runCommand(['config', 'schema']);
    const schema = JSON.parse(stdout);
    expect(schema).toMatchObject({ additionalProperties: false });
    expect(schema.properties.server.properties.port).toMatchObject({ default: 8000, type: 'integer' });
    // `{}` and the four sections alone are complete files, so an editor must not ask for more.
    expect([schema.required, schema.properties.server.required]).toEqual([undefined, undefined]);
  });
});
