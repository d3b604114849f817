import { describe, expect, test } from 'bun:test';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@/platform/config/environment.ts';
import type { Config } from '@/platform/config/schema.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import type { Secrets } from '@/platform/ipc/messages.ts';
import { prepareDataFolder } from '@/supervisor/data_folder.ts';
import { resolveSecrets } from '@/supervisor/secrets.ts';
import { configWith, Scene } from './support/fakes.ts';

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
  config: Config = configWith(),
): Secrets =>
  resolveSecrets({
    paths: prepareDataFolder(scene.dataDir),
    environment: { ...none, ...environment },
    config,
    log: scene.log,
  });

function refusal(work: () => unknown): CommandFailure {
  try {
    work();
  } catch (error) {
    if (error instanceof CommandFailure) return error;
  }
  throw new Error('it was not refused');
}

describe('secrets', () => {
  test('are generated once, kept for the next start, and readable for their user alone', () => {
    using scene = new Scene();
    const first = resolve(scene);
    expect(Buffer.byteLength(first.jwtSecrets[0] ?? '')).toBeGreaterThanOrEqual(32);
    expect(Buffer.from(first.encryptionKey, 'base64')).toHaveLength(32);
    expect(first.jwtSecrets[0]).not.toBe(first.encryptionKey);
    for (const name of ['jwt_secret', 'encryption_key']) {
      expect(statSync(join(scene.dataDir, 'secrets', name)).mode & 0o777).toBe(0o600);
    }
    expect(resolve(scene)).toEqual(first);
  });

  test('come from the environment when it has them, the newest first', () => {
    using scene = new Scene();
    const secrets = resolve(scene, { jwtSecret: GOOD, jwtSecretPrevious: OLDER, encryptionKey: KEY });
    expect(secrets).toEqual({ jwtSecrets: [GOOD, OLDER], encryptionKey: KEY });
  });

  test.each([
    ['redis.required is true', configWith({ redis: { required: true } }), 'development'],
    ['AO_ENV is production', configWith(), 'production'],
  ] as const)('must be given when %s', (reason, config, mode) => {
    using scene = new Scene();
    const failure = refusal(() => resolve(scene, { mode }, config));
    expect(failure.exitCode).toBe(2);
    expect(failure.message).toStartWith(`JWT_SECRET is missing: ${reason}`);
    expect(resolve(scene, { mode, jwtSecret: GOOD }, config).jwtSecrets).toEqual([GOOD]);
  });

  test.each(['jwtSecret', 'jwtSecretPrevious'] as const)(
    'are refused when %s is too short, unseen',
    (name) => {
      using scene = new Scene();
      const failure = refusal(() => resolve(scene, { [name]: 'hunter2' }));
      expect(failure.exitCode).toBe(2);
      expect(failure.message).toContain('at least 32 bytes');
      expect(failure.message).not.toContain('hunter2');
    },
  );

  test.each(['short', Buffer.alloc(31).toString('base64'), 'ü'.repeat(44)])(
    'are refused when the encryption key is %p',
    (encryptionKey) => {
      using scene = new Scene();
      expect(refusal(() => resolve(scene, { encryptionKey })).message).toStartWith(
        'AO_ENCRYPTION_KEY must be',
      );
    },
  );

  test('are refused, and left alone, when the file is damaged', () => {
    using scene = new Scene();
    resolve(scene);
    const file = join(scene.dataDir, 'secrets', 'encryption_key');
    writeFileSync(file, 'cut of');
    expect(refusal(() => resolve(scene)).message).toContain(`${file} is damaged`);
    expect(readFileSync(file, 'utf8')).toBe('cut of');
  });

  test('in a file that others can read are closed with a warning', () => {
    using scene = new Scene();
    const first = resolve(scene);
    const file = join(scene.dataDir, 'secrets', 'jwt_secret');
    chmodSync(file, 0o644);
    expect(resolve(scene)).toEqual(first);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(scene.logged('a secret file was open')).toHaveLength(1);
  });

  test('of one server alone are warned of on a database that servers share', () => {
    using scene = new Scene();
    const shared = configWith({ database: { url: 'postgres://db/leads' } });
    resolve(scene, {}, shared);
    expect(scene.logged('AO_ENCRYPTION_KEY is not set')).toHaveLength(1);
    resolve(scene, { encryptionKey: KEY }, shared);
    expect(scene.logged('AO_ENCRYPTION_KEY is not set')).toHaveLength(1);
  });
});
