/** The command line from source, as a process of its own: quicker than a build, and with real exit codes. */

import { join, resolve } from 'node:path';
import { AuditLog } from '@/features/audit/service.ts';
import { AuthChanges } from '@/features/auth/changes.ts';
import { Passwords } from '@/features/auth/passwords.ts';
import { UserService } from '@/features/auth/users.ts';
import { liveConfig } from '@/platform/config/live.ts';
import { migrate } from '@/platform/db/migrate.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { MIGRATIONS } from '@/server/composition.ts';
import { testConfig } from './config.ts';
import { type TemporaryFolder, temporaryFolder } from './folder.ts';

const ROOT = resolve(import.meta.dir, '../..');

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Where it runs; the project's folder unless given. */
  readonly cwd?: string;
  /** Where standard output goes, instead of into the result. */
  readonly stdout?: Bun.BunFile;
}

export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const child = Bun.spawn([process.execPath, join(ROOT, 'src/main.ts'), ...args], {
    cwd: options.cwd ?? ROOT,
    env: { PATH: Bun.env.PATH ?? '', ...options.env },
    stdin: options.stdin === undefined ? 'ignore' : new TextEncoder().encode(options.stdin),
    stdout: options.stdout ?? 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr, code] = await Promise.all([
    child.stdout instanceof ReadableStream ? new Response(child.stdout).text() : '',
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

/** A data folder as a first start leaves it: the schema, and the user `admin`. */
export async function startedOnce(): Promise<TemporaryFolder> {
  const folder = temporaryFolder();
  const config = liveConfig(testConfig());
  const { url, pool_size: poolSize } = config.current.database;
  const db = await openDatabase({ url, poolSize, paths: folder.paths, log: silentLogger, turns: 'local' });
  await migrate(db, MIGRATIONS, silentLogger);
  const passwords = new Passwords({ memoryKiB: 1024, passes: 1 });
  const audit = new AuditLog({ db });
  const users = new UserService({ db, audit, config, passwords, changes: new AuthChanges(null) });
  await users.ensureFirstAdmin('correct horse battery staple');
  await db.close();
  return folder;
}
