/** `audit …` against a data folder, without a server. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Ended, runCommand, startedOnce } from '@test/support/command_line.ts';
import { type TemporaryFolder, temporaryFolder } from '@test/support/folder.ts';

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await startedOnce();
});
afterAll(() => folder.remove());

const audit = (...args: string[]): Promise<Ended> =>
  runCommand(['audit', ...args, '--data-dir', folder.path]);

describe('backup and verify', () => {
  test('a backup is compressed, its path printed, and it verifies', async () => {
    const { code, stdout } = await audit('backup');
    expect(code).toBe(0);
    expect(stdout).toMatch(/\/backups\/audit\/audit_backup_\d{8}_\d{6}(_\d+)?\.log\.gz\n$/);
    const verdict = await audit('verify', stdout.trim());
    expect(verdict).toMatchObject({ code: 0, stderr: '' });
    expect(verdict.stdout).toContain('good');
  });

  test('a changed byte is found, with exit code 1', async () => {
    const { stdout } = await audit('backup', '--plain');
    const file = stdout.trim();
    const changed = join(folder.path, 'changed.log');
    writeFileSync(changed, readFileSync(file, 'utf8').replace('"first_admin":true', '"first_admin":null'));
    const { code, stdout: said } = await audit('verify', changed);
    expect(code).toBe(1);
    expect(said).toContain('FAILED');
    expect(said).toContain('problem: ');
    expect(JSON.parse((await audit('verify', changed, '--json')).stdout)).toMatchObject({ ok: false });
  });

  test('a backup verifies anywhere with the public key alone', async () => {
    const file = (await audit('backup')).stdout.trim();
    await using elsewhere = temporaryFolder();
    const copy = join(elsewhere.path, 'copy.log.gz');
    copyFileSync(file, copy);
    const places = ['--data-dir', join(elsewhere.path, 'none')];
    const key = join(folder.paths.secrets, 'audit_key.pub');
    expect(await runCommand(['audit', 'verify', copy, '--public-key', key, ...places])).toMatchObject({
      code: 0,
    });
    const without = await runCommand(['audit', 'verify', copy, ...places]);
    expect(without).toMatchObject({ code: 2, stdout: '' });
    expect(without.stderr).toContain('--public-key');
  });

  test('a bare name is looked for in the backups folder when it is not in the current directory', async () => {
    const path = (await audit('backup', '--plain')).stdout.trim();
    const name = basename(path);
    const args = ['audit', 'verify', name, '--data-dir', folder.path];
    const kept = await runCommand(args);
    expect(kept).toMatchObject({ code: 0, stderr: '' });
    expect(kept.stdout).toStartWith(`${path}: good, `);

    await using elsewhere = temporaryFolder();
    writeFileSync(join(elsewhere.path, name), 'not a backup\n');
    const nearer = await runCommand(args, { cwd: elsewhere.path });
    expect(nearer.code).toBe(1);
    expect(nearer.stdout).toStartWith(`${name}: FAILED, `);
  });

  test('a bare name that is nowhere is an error that names both places', async () => {
    await using elsewhere = temporaryFolder();
    const missing = 'audit_backup_20200101_000000.log';
    const { code, stdout, stderr } = await runCommand(
      ['audit', 'verify', missing, '--data-dir', folder.path],
      { cwd: elsewhere.path },
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const part of [missing, `(${elsewhere.path})`, folder.paths.auditBackups, '--data-dir']) {
      expect(stderr).toContain(part);
    }
  });

  test('a path is never followed from the backups folder', async () => {
    const secret = '../../secrets/audit_key.pub';
    for (const path of [
      secret,
      '../audit',
      '..',
      `./${secret}`,
      `sub/${secret}`,
      '/nowhere/audit_backup.log',
    ]) {
      const { code, stdout, stderr } = await runCommand(
        ['audit', 'verify', path, '--data-dir', folder.path],
        {
          cwd: folder.paths.run,
        },
      );
      expect({ path, code, stdout }).toEqual({ path, code: 1, stdout: '' });
      expect(stderr).not.toContain(folder.paths.auditBackups);
    }
  });

  test('the live log verifies', async () => {
    const { code, stdout } = await audit('verify');
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toStartWith('the audit log: good, ');
  });
});

describe('tail', () => {
  test('prints the newest events, oldest first', async () => {
    await audit('backup');
    await audit('backup', '--plain');
    const { stdout } = await audit('tail', '--lines', '2');
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^\S+Z {2}success {2}\S.* \(cli\) {2}audit\.backup_created audit_backup:audit_backup_.*\.gz /,
    );
    expect(lines[1]).toContain('"compressed":false');
  });

  test('filters, and prints JSON lines', async () => {
    const { stdout } = await audit('tail', '--action', 'user.*', '--outcome', 'success', '--json');
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject([{ action: 'user.created', actor: { type: 'system', name: 'server' } }]);
    expect((await audit('tail', '--outcome', 'denied')).stdout).toBe('');
  });

  test('refuses a filter that could never fit', async () => {
    expect(await audit('tail', '--action', 'User Created')).toMatchObject({ code: 2 });
    expect((await audit('tail', '--outcome', 'sucess')).stderr).toContain('did you mean success?');
  });

  test('follows: shows each event once, and later ones as they are sealed', async () => {
    const child = Bun.spawn(
      [
        process.execPath,
        'src/main.ts',
        'audit',
        'tail',
        '--follow',
        '--lines',
        '1',
        '--json',
        '--data-dir',
        folder.path,
      ],
      { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
    );
    const seen: { id: string; action: string }[] = [];
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      const before = seen.length;
      seen.push(...lines.map((line) => JSON.parse(line)));
      // A backup seals all that came before it: the first one shows the event of the backup before.
      if (before === 0) for (let round = 0; round < 2; round += 1) await audit('backup', '--plain');
      if (seen.length >= 2) child.kill('SIGINT');
    }
    expect(await child.exited).toBe(0);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    expect(seen.at(-1)?.action).toBe('audit.backup_created');
  });
});
