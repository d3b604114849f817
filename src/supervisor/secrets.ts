/**
 * The secrets that all workers share: decided once, here, so that every worker signs and encrypts alike. From the
 * environment, else from the data folder (mode 0600), where they are generated at the first start.
 */
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@/platform/config/environment.ts';
import type { Finding } from '@/platform/config/finding.ts';
import type { DataPaths } from '@/platform/config/paths.ts';
import type { Config } from '@/platform/config/schema.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import { writeOnce } from '@/platform/files/durable.ts';
import type { Secrets } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';
import { requireNoErrors } from './findings.ts';

/** HS256 wants a key of at least the hash's length (RFC 7518, section 3.2). */
const SHORTEST_JWT_SECRET = 32;
const ENCRYPTION_KEY_BYTES = 32;

interface SecretOptions {
  readonly paths: DataPaths;
  readonly environment: Environment;
  readonly config: Config;
  readonly log: Logger;
}

/** What is wrong with the secrets that the environment gives or leaves out, and with those that are kept. */
export function secretFindings({
  paths,
  environment,
  config,
}: Pick<SecretOptions, 'paths' | 'environment' | 'config'>): Finding[] {
  const { jwtSecret, jwtSecretPrevious, encryptionKey } = environment;
  const findings: Finding[] = [];
  for (const [name, secret] of [
    ['JWT_SECRET', jwtSecret],
    ['JWT_SECRET_PREVIOUS', jwtSecretPrevious],
  ] as const) {
    if (secret && Buffer.byteLength(secret) < SHORTEST_JWT_SECRET) {
      const message = `${name} is too short: it needs at least ${SHORTEST_JWT_SECRET} bytes, for example from "openssl rand -base64 48"`;
      findings.push({ level: 'error', message });
    }
  }
  const reason = config.redis.required
    ? 'redis.required is true'
    : environment.mode === 'production'
      ? 'AO_ENV is production'
      : null;
  if (!jwtSecret && reason) {
    const message =
      `JWT_SECRET is missing: ${reason}, so the secret must be given in the environment (at least ` +
      `${SHORTEST_JWT_SECRET} bytes, the same on every server)`;
    findings.push({ level: 'error', message });
  }
  if (encryptionKey && !isKey(encryptionKey)) {
    const message = `AO_ENCRYPTION_KEY must be ${ENCRYPTION_KEY_BYTES} bytes in base64, for example from "openssl rand -base64 32"`;
    findings.push({ level: 'error', message });
  }
  if (!encryptionKey && !config.database.url.startsWith('sqlite:')) {
    const message =
      'AO_ENCRYPTION_KEY is not set: other servers on this database cannot read stored credentials';
    findings.push({ level: 'warning', message });
  }
  const kept = [
    ...(jwtSecret || reason ? [] : [[jwtSecretFile(paths), isLongEnough] as const]),
    ...(encryptionKey ? [] : [[encryptionKeyFile(paths), isKey] as const]),
  ];
  for (const [path, isGood] of kept) {
    if (!existsSync(path)) continue;
    const fault = keptFault(path, isGood);
    if (fault) findings.push({ level: 'error', exitCode: 1, message: fault });
  }
  return findings;
}

/** Throws CommandFailure: exit 2 for the environment, exit 1 for the data folder. */
export async function resolveSecrets(options: SecretOptions): Promise<Secrets> {
  requireNoErrors(secretFindings(options));
  const { paths, environment, log } = options;
  const previous = environment.jwtSecretPrevious ? [environment.jwtSecretPrevious] : [];
  const jwtSecret = environment.jwtSecret ?? (await keptSecret(jwtSecretFile(paths), log));
  const encryptionKey = environment.encryptionKey ?? (await keptSecret(encryptionKeyFile(paths), log));
  return { jwtSecrets: [jwtSecret, ...previous], encryptionKey };
}

const jwtSecretFile = (paths: DataPaths): string => join(paths.secrets, 'jwt_secret');
const encryptionKeyFile = (paths: DataPaths): string => join(paths.secrets, 'encryption_key');

const isLongEnough = (secret: string): boolean => Buffer.byteLength(secret) >= SHORTEST_JWT_SECRET;

const isKey = (text: string): boolean => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === ENCRYPTION_KEY_BYTES && bytes.toString('base64') === text;
};

/** What is wrong with a secret of ours that is there already; null when nothing is. */
function keptFault(path: string, isGood: (secret: string) => boolean): string | null {
  try {
    return isGood(readFileSync(path, 'utf8').trim())
      ? null
      : `the secret in ${path} is damaged: put it back from a copy, or remove the file to have a new one made`;
  } catch (error) {
    return `the secret in ${path} cannot be read: ${messageOf(error)}`;
  }
}

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
