/** JWTs made by hand, for the tokens that the server must refuse. */
import { createHmac } from 'node:crypto';

type Json = Record<string, unknown>;

const encode = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Header and payload of a token, unverified. */
export function decodeToken(token: string): { header: Json; payload: Json } {
  const [header = '', payload = ''] = token.split('.');
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json;
  return { header: parse(header), payload: parse(payload) };
}

/** A token signed with HMAC; `algorithm` is what the signature uses, the header may say something else. */
export function forgeToken(
  header: Json,
  payload: Json,
  secret: string,
  algorithm: 'sha256' | 'sha384' = 'sha256',
) {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${createHmac(algorithm, secret).update(signed).digest('base64url')}`;
}

/** A token that says `alg: none` and has no signature. */
export const unsignedToken = (payload: Json): string =>
  `${encode({ alg: 'none', typ: 'JWT' })}.${encode(payload)}.`;
