/**
 * Credentials at rest: AES-256-GCM with a fresh nonce each time, bound to their connector, so that a sealed text
 * copied to another row does not open. Form: `v1.<nonce>.<ciphertext>.<tag>`, base64url.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const VERSION = 'v1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The key as the supervisor hands it over: 32 bytes, base64. */
export function credentialKey(base64: string): Buffer {
  const key = Buffer.from(base64, 'base64');
  if (key.length !== 32) throw new Error('the encryption key must be 32 bytes, base64');
  return key;
}

export function seal(key: Buffer, connectorId: string, plain: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(`connector ${connectorId}`));
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return [VERSION, ...[nonce, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join(
    '.',
  );
}

/** Throws when the key is another one or anything was changed. */
export function unseal(key: Buffer, connectorId: string, text: string): string {
  const [version, ...parts] = text.split('.');
  const [nonce, sealed, tag] = parts.map((part) => Buffer.from(part, 'base64url'));
  if (version !== VERSION || !nonce || !sealed || tag?.length !== TAG_BYTES) {
    throw new Error('sealed credentials have an unknown form');
  }
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(`connector ${connectorId}`));
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8');
}
