/**
 * The Ed25519 key that signs heads and backups. The private half stays in the data folder (0600); the public
 * half lies beside it, to be handed to whoever verifies elsewhere. Keys and signatures are written in hex: base64
 * has spare bits, so two texts could mean the same bytes.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
} from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataPaths } from '@/platform/config/paths.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { writeOnce } from '@/platform/files/durable.ts';

export interface VerifyingKey {
  /** First half of the SHA-256 of the public key. */
  readonly id: string;
  /** The public key, hex. */
  readonly text: string;
  /** Whether `signature` (hex) is of `message` by this key. */
  verify(message: string, signature: string): boolean;
}

export interface SigningKey extends VerifyingKey {
  sign(message: string): string;
}

const SIGNATURE = /^[0-9a-f]{128}$/;
const PUBLIC_KEY = /^[0-9a-f]{64}$/;
const privateFile = (paths: DataPaths): string => join(paths.secrets, 'audit_key');
const publicFile = (paths: DataPaths): string => join(paths.secrets, 'audit_key.pub');

/** A public key from its hex text; null when the text is none. */
export function parsePublicKey(text: string): VerifyingKey | null {
  if (!PUBLIC_KEY.test(text)) return null;
  const raw = Buffer.from(text, 'hex');
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') };
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    return {
      id: createHash('sha256').update(raw).digest('hex').slice(0, 32),
      text,
      verify: (message, signature) =>
        SIGNATURE.test(signature) && verify(null, Buffer.from(message), key, Buffer.from(signature, 'hex')),
    };
  } catch {
    return null;
  }
}

function signingKey(pem: string, file: string): SigningKey {
  try {
    const key = createPrivateKey(pem);
    const { x } = createPublicKey(key).export({ format: 'jwk' });
    const own = parsePublicKey(Buffer.from(x ?? '', 'base64url').toString('hex'));
    if (!own || key.asymmetricKeyType !== 'ed25519') throw new Error('not an Ed25519 key');
    return { ...own, sign: (message) => sign(null, Buffer.from(message), key).toString('hex') };
  } catch (cause) {
    throw new CommandFailure(`${file} does not hold the audit log's Ed25519 key`, 1, { cause });
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The key of this data folder, made on first use. */
export async function loadSigningKey(paths: DataPaths): Promise<SigningKey> {
  const file = privateFile(paths);
  let pem = await readIfThere(file);
  if (pem === null) {
    await mkdir(paths.secrets, { recursive: true, mode: 0o700 });
    const made = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeOnce(file, made.toString(), 0o600);
    pem = await readFile(file, 'utf8');
  }
  const key = signingKey(pem, file);
  if ((await readIfThere(publicFile(paths))) === null)
    await writeOnce(publicFile(paths), `${key.text}\n`, 0o644);
  return key;
}

/**
 * The keys that a verification trusts: those `given` (the hex text, or a file that holds it), else the data
 * folder's own. Throws CommandFailure when there is none.
 */
export async function trustedKeys(paths: DataPaths, given: readonly string[] = []): Promise<VerifyingKey[]> {
  if (given.length > 0) {
    return Promise.all(
      given.map(async (each) => {
        const key = parsePublicKey(each) ?? parsePublicKey((await readIfThere(each))?.trim() ?? '');
        if (key) return key;
        throw new CommandFailure(
          `${each} is neither a public audit key (64 hex digits) nor a file with one`,
          2,
        );
      }),
    );
  }
  const pem = await readIfThere(privateFile(paths));
  if (pem !== null) return [signingKey(pem, privateFile(paths))];
  throw new CommandFailure(
    `no audit key in ${paths.secrets}: name the data folder that made the backup, or its public key (--public-key)`,
    2,
  );
}
