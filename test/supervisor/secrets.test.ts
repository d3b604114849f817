import { describe, expect, test } from 'bun:test';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testConfig } from '@test/support/config.ts';
import type { Environment } from '@/platform/config/environment.ts';
import type { Config } from '@/platform/config/schema.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import type { Secrets } from '@/platform/ipc/messages.ts';
import { prepareDataFolder } from '@/supervisor/data_folder.ts';
import { resolveSecrets, secretFindings } from '@/supervisor/secrets.ts';
import { Scene } from './support/fakes.ts';

const GOOD = 'a secret of more than thirty-two bytes';
const OLDER = 'an older secret of more than thirty-two bytes';
const KEY = Buffer.alloc(32, 7).toString('base64');

const none: Environment = {
  jwtSecret: undefined,
  jwtSecretPrevious: undefined,
  adminPassword: undefined,
  encryptionKey: undefined,
  mode: 'development',
};

const resolve = (
  scene: Scene,
  environment: Partial<Environment> = {},
  config: Config = testConfig(),
): Promise<Secrets> =>
  resolveSecrets({
    paths: prepareDataFolder(scene.dataDir),
    environment: { ...none, ...environment },
    config,
    log: scene.log,
  });

async function refusal(work: () => Promise<unknown>): Promise<CommandFailure> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CommandFailure) return error;
  }
  throw new Error('it was not refused');
}

describe('secrets', () => {
  test('are generated once, kept for the next start, and readable for their user alone', async () => {
    using scene = new Scene();
    const first = await resolve(scene);
    expect(Buffer.byteLength(first.jwtSecrets[0] ?? '')).toBeGreaterThanOrEqual(32);
    expect(Buffer.from(first.encryptionKey, 'base64')).toHaveLength(32);
    expect(first.jwtSecrets[0]).not.toBe(first.encryptionKey);
    for (const name of ['jwt_secret', 'encryption_key']) {
      expect(statSync(join(scene.dataDir, 'secrets', name)).mode & 0o777).toBe(0o600);
    }
    expect(await resolve(scene)).toEqual(first);
  });

  test('are made in spite of what an interrupted start has left', async () => {
    using scene = new Scene();
    const { secrets } = prepareDataFolder(scene.dataDir);
    writeFileSync(join(secrets, `jwt_secret.${process.pid}`), '');
    expect(Buffer.byteLength((await resolve(scene)).jwtSecrets[0] ?? '')).toBeGreaterThanOrEqual(32);
  });

  test('come from the environment when it has them, the newest first', async () => {
    using scene = new Scene();
    const secrets = await resolve(scene, { jwtSecret: GOOD, jwtSecretPrevious: OLDER, encryptionKey: KEY });
    expect(secrets).toEqual({ jwtSecrets: [GOOD, OLDER], encryptionKey: KEY });
  });

  test.each([
    ['redis.required is true', testConfig({ redis: { required: true } }), 'development'],
    ['AO_ENV is production', testConfig(), 'production'],
  ] as const)('must be given when %s', async (reason, config, mode) => {
    using scene = new Scene();
    const failure = await refusal(() => resolve(scene, { mode }, config));
    expect(failure.exitCode).toBe(2);
    expect(failure.message).toStartWith(`JWT_SECRET is missing: ${reason}`);
    expect((await resolve(scene, { mode, jwtSecret: GOOD }, config)).jwtSecrets).toEqual([GOOD]);
  });

  test.each(['jwtSecret', 'jwtSecretPrevious'] as const)(
    'are refused when %s is too short, unseen',
    async (name) => {
      using scene = new Scene();
      const failure = await refusal(() => resolve(scene, { [name]: 'hunter2' }));
      expect(failure.exitCode).toBe(2);
      expect(failure.message).toContain('at least 32 bytes');
      expect(failure.message).not.toContain('hunter2');
    },
  );

  test.each(['short', Buffer.alloc(31).toString('base64'), 'ü'.repeat(44)])(
    'are refused when the encryption key is %p',
    async (encryptionKey) => {
      using scene = new Scene();
      expect((await refusal(() => resolve(scene, { encryptionKey }))).message).toStartWith(
        'AO_ENCRYPTION_KEY must be',
      );
    },
  );

  test('are refused, and left alone, when the file is damaged', async () => {
    using scene = new Scene();
    await resolve(scene);
    const file = join(scene.dataDir, 'secrets', 'encryption_key');
    writeFileSync(file, 'cut of');
    expect((await refusal(() => resolve(scene))).message).toContain(`${file} is damaged`);
    expect(readFileSync(file, 'utf8')).toBe('cut of');
  });

  test('in a file that others can read are closed with a warning', async () => {
    using scene = new Scene();
    const first = await resolve(scene);
    const file = join(scene.dataDir, 'secrets', 'jwt_secret');
    chmodSync(file, 0o644);
    expect(await resolve(scene)).toEqual(first);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(scene.logged('a secret file was open')).toHaveLength(1);
  });

  test('of one server alone are warned of on a database that servers share', () => {
    using scene = new Scene();
    const shared = testConfig({ database: { url: 'postgres://db/leads' } });
    const paths = prepareDataFolder(scene.dataDir);
    const warned = (environment: Partial<Environment>) =>
      secretFindings({ paths, environment: { ...none, ...environment }, config: shared });
    expect(warned({})).toMatchObject([
      { level: 'warning', message: expect.stringContaining('AO_ENCRYPTION_KEY is not set') },
    ]);
    expect(warned({ encryptionKey: KEY })).toEqual([]);
  });
});
