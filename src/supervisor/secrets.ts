/**
 * The secrets that all workers share: decided once, here, so that every worker signs and encrypts alike. From the
 * environment, else from the data folder (mode 0600), where they are generated at the first start.
 */
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@/platform/config/environment.ts';
import type { DataPaths } from '@/platform/config/paths.ts';
import type { Config } from '@/platform/config/schema.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import { writeOnce } from '@/platform/files/durable.ts';
import type { Secrets } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';

/** HS256 wants a key of at least the hash's length (RFC 7518, section 3.2). */
const SHORTEST_JWT_SECRET = 32;
const ENCRYPTION_KEY_BYTES = 32;

interface SecretOptions {
  readonly paths: DataPaths;
  readonly environment: Environment;
  readonly config: Config;
  readonly log: Logger;
}

/** Throws CommandFailure: exit 2 for the environment, exit 1 for the data folder. */
export async function resolveSecrets(options: SecretOptions): Promise<Secrets> {
  return { jwtSecrets: await jwtSecrets(options), encryptionKey: await encryptionKey(options) };
}

async function jwtSecrets({ paths, environment, config, log }: SecretOptions): Promise<string[]> {
  const previous = environment.jwtSecretPrevious ? [environment.jwtSecretPrevious] : [];
  for (const [name, secret] of [
    ['JWT_SECRET', environment.jwtSecret],
    ['JWT_SECRET_PREVIOUS', environment.jwtSecretPrevious],
  ] as const) {
    if (secret && Buffer.byteLength(secret) < SHORTEST_JWT_SECRET) {
      throw new CommandFailure(
        `${name} is too short: it needs at least ${SHORTEST_JWT_SECRET} bytes, for example from "openssl rand -base64 48"`,
        2,
      );
    }
  }
  if (environment.jwtSecret) return [environment.jwtSecret, ...previous];
  const reason = config.redis.required
    ? 'redis.required is true'
    : environment.mode === 'production'
      ? 'AO_ENV is production'
      : null;
  if (reason) {
    throw new CommandFailure(
      `JWT_SECRET is missing: ${reason}, so the secret must be given in the environment (at least ` +
        `${SHORTEST_JWT_SECRET} bytes, the same on every server)`,
      2,
    );
  }
  const kept = await keptSecret(join(paths.secrets, 'jwt_secret'), log);
  if (Buffer.byteLength(kept) < SHORTEST_JWT_SECRET) throw damaged(join(paths.secrets, 'jwt_secret'));
  return [kept, ...previous];
}

async function encryptionKey({ paths, environment, config, log }: SecretOptions): Promise<string> {
  if (environment.encryptionKey) {
    if (!isKey(environment.encryptionKey)) {
      throw new CommandFailure(
        `AO_ENCRYPTION_KEY must be ${ENCRYPTION_KEY_BYTES} bytes in base64, for example from "openssl rand -base64 32"`,
        2,
      );
    }
    return environment.encryptionKey;
  }
  if (!config.database.url.startsWith('sqlite:')) {
    log.warn('AO_ENCRYPTION_KEY is not set: other servers on this database cannot read stored credentials');
  }
  const path = join(paths.secrets, 'encryption_key');
  const kept = await keptSecret(path, log);
  if (!isKey(kept)) throw damaged(path);
  return kept;
}

const isKey = (text: string): boolean => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === ENCRYPTION_KEY_BYTES && bytes.toString('base64') === text;
};

const damaged = (path: string): CommandFailure =>
  new CommandFailure(
    `the secret in ${path} is damaged: put it back from a copy, or remove the file to have a new one made`,
  );

/** The secret in a file of ours; made and written durably when there is none. */
async function keptSecret(path: string, log: Logger): Promise<string> {
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      chmodSync(path, 0o600);
      log.warn('a secret file was open to other users: closed it', { file: path });
    }
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      throw new CommandFailure(`the secret in ${path} cannot be read: ${messageOf(error)}`, 1, {
        cause: error,
      });
    }
  }
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(ENCRYPTION_KEY_BYTES))).toString('base64');
  await writeOnce(path, `${secret}\n`, 0o600);
  return readFileSync(path, 'utf8').trim();
}
