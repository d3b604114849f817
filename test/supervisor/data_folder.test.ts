import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { clearRunFolder, prepareDataFolder } from '@/supervisor/data_folder.ts';
import { lockDataFolder } from '@/supervisor/lock.ts';
import { Scene } from './support/fakes.ts';

const failureOf = (work: () => unknown): CommandFailure => {
  try {
    work();
  } catch (error) {
    if (error instanceof CommandFailure) return error;
    throw error;
  }
  throw new Error('it was not refused');
};

describe('the data folder', () => {
  test('is made with all that belongs in it, for its user alone', () => {
    using scene = new Scene();
    const paths = prepareDataFolder(join(scene.dataDir, 'deep'));
    for (const folder of [paths.root, paths.run, paths.secrets, paths.auditBackups]) {
      expect(statSync(folder).mode & 0o777).toBe(0o700);
    }
  });

  test('is refused in one line that names it when it cannot be written', () => {
    using scene = new Scene();
    writeFileSync(scene.dataDir, 'a file is in the way');
    const failure = failureOf(() => prepareDataFolder(scene.dataDir));
    expect(failure.exitCode).toBe(1);
    expect(failure.message).toContain(`the data folder ${scene.dataDir} is not writable`);
    expect(failure.message).not.toContain('\n');
  });

  test('is refused when its sockets would have too long a name', () => {
    using scene = new Scene();
    const failure = failureOf(() => prepareDataFolder(join(scene.folder, 'd'.repeat(100))));
    expect(failure.message).toContain('too long');
  });

  test('starts with an empty metrics folder and without the sockets of a dead server', () => {
    using scene = new Scene();
    const paths = prepareDataFolder(scene.dataDir);
    mkdirSync(paths.metrics);
    const stale = [join(paths.metrics, '3.metrics'), paths.turnsSocket, paths.redisSocket];
    for (const file of stale) writeFileSync(file, '');
    clearRunFolder(paths);
    expect(stale.filter((file) => existsSync(file))).toEqual([]);
    expect(existsSync(paths.metrics)).toBe(true);
  });
});

describe('the lock on the data folder', () => {
  test('keeps out a second server, in the same process or in another, and names the first', async () => {
    using scene = new Scene();
    const paths = prepareDataFolder(scene.dataDir);
    const first = holdLockElsewhere(scene.dataDir);
    await first.locked;
    const failure = failureOf(() => lockDataFolder(paths));
    expect(failure.exitCode).toBe(1);
    expect(failure.message).toContain(`another server (process ${first.pid}) is running on the data folder`);
    first.kill('SIGKILL');
    await first.exited;
    // The kernel has freed it: nobody has to remove a file by hand.
    const lock = lockDataFolder(paths);
    expect(readFileSync(join(paths.run, 'server.pid'), 'utf8')).toBe(`${process.pid}\n`);
    expect(failureOf(() => lockDataFolder(paths)).message).toContain(`process ${process.pid}`);
    lock.release();
    lockDataFolder(paths).release();
    expect(existsSync(join(paths.run, 'server.pid'))).toBe(false);
  });
});

function holdLockElsewhere(dataDir: string) {
  const child = Bun.spawn([process.execPath, resolve(import.meta.dir, 'support/hold_lock.ts'), dataDir], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const locked = child.stdout.getReader().read();
  return {
    pid: child.pid,
    locked,
    exited: child.exited,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
  };
}
