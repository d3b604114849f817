import { afterEach, describe, expect, test } from 'bun:test';
import { decodeToken, forgeToken, unsignedToken } from '@test/support/jwt.ts';
import { Tokens } from '@/features/auth/tokens.ts';
import { holdStill } from '@/platform/time/clock.ts';
import { configWith } from './fixtures.ts';

type Json = Record<string, unknown>;

const SECRET = 'a secret of at least thirty-two bytes';
const OLD = 'the secret of last year, also long enough';

const config = configWith({ token_ttl_seconds: 600, issuer: 'here', audience: 'us' });
const tokens = new Tokens({ secrets: [SECRET], config });

const HS256 = { alg: 'HS256', typ: 'JWT' };
const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const forge = (payload: Json): string => forgeToken(HS256, payload, SECRET);

let putBack: () => void = () => undefined;
afterEach(() => putBack());

const claims = async (): Promise<Json> =>
  decodeToken((await tokens.issue({ id: 'u1', generation: 5 })).token).payload;

describe('Tokens', () => {
  test('signs with HS256 for issuer and audience, with an end and an id of its own', async () => {
    const issued = await tokens.issue({ id: 'u1', generation: 5 });
    const { header, payload } = decodeToken(issued.token);
    expect(header).toEqual(HS256);
    expect(payload).toMatchObject({ iss: 'here', aud: 'us', sub: 'u1', gen: 5, jti: issued.jti });
    expect(issued.expiresIn).toBe(600);
    expect(payload.exp).toBe(issued.expiresAt);
    expect(await tokens.verify(issued.token)).toEqual({
      userId: 'u1',
      jti: issued.jti,
      generation: 5,
      expiresAt: issued.expiresAt,
    });
    expect((await tokens.issue({ id: 'u1', generation: 5 })).jti).not.toBe(issued.jti);
  });

  test('accepts what is made by hand with the right secret: the forgeries fail for their own reason', async () => {
    expect(await tokens.verify(forge(await claims()))).not.toBeNull();
  });

  test.each<[string, (payload: Json) => string]>([
    ['alg:none', unsignedToken],
    ['alg:none with a signature', (payload) => `${unsignedToken(payload)}AAAA`],
    ['HS384', (payload) => forgeToken({ ...HS256, alg: 'HS384' }, payload, SECRET, 'sha384')],
    ['HS384 that says HS256', (payload) => forgeToken(HS256, payload, SECRET, 'sha384')],
    ['another type of token', (payload) => forgeToken({ ...HS256, typ: 'logout+jwt' }, payload, SECRET)],
    ['a critical extension', (payload) => forgeToken({ ...HS256, crit: ['x'], x: 1 }, payload, SECRET)],
    ['another key', (payload) => forgeToken(HS256, payload, OLD)],
    ['another issuer', (payload) => forge({ ...payload, iss: 'there' })],
    ['no issuer', (payload) => forge({ ...payload, iss: undefined })],
    ['another audience', (payload) => forge({ ...payload, aud: 'them' })],
    ['no audience', (payload) => forge({ ...payload, aud: undefined })],
    ['no end', (payload) => forge({ ...payload, exp: undefined })],
    ['an end that is no number', (payload) => forge({ ...payload, exp: 'never' })],
    ['an end in the past', (payload) => forge({ ...payload, exp: 1_000_000_000 })],
    ['no user', (payload) => forge({ ...payload, sub: undefined })],
    ['a user that is no text', (payload) => forge({ ...payload, sub: 7 })],
    ['no id', (payload) => forge({ ...payload, jti: undefined })],
    ['no generation', (payload) => forge({ ...payload, gen: undefined })],
    [
      'a changed payload',
      (payload) => {
        const [head, , signature] = forge(payload).split('.');
        return `${head}.${encode({ ...payload, sub: 'u2' })}.${signature}`;
      },
    ],
    ['nothing', () => ''],
    ['two dots', () => '..'],
  ])('refuses %s', async (_, make) => {
    expect(await tokens.verify(make(await claims()))).toBeNull();
  });

  test('ends when its time is over', async () => {
    const { token } = await tokens.issue({ id: 'u1', generation: 5 });
    const start = Date.now();
    putBack = holdStill({ now: () => start + 598_000 });
    expect(await tokens.verify(token)).not.toBeNull();
    putBack();
    putBack = holdStill({ now: () => start + 601_000 });
    expect(await tokens.verify(token)).toBeNull();
  });

  test('still accepts tokens of the previous secret, and signs with the newest', async () => {
    const { token: old } = await new Tokens({ secrets: [OLD], config }).issue({ id: 'u1', generation: 5 });
    const rotated = new Tokens({ secrets: [SECRET, OLD], config });
    expect((await rotated.verify(old))?.userId).toBe('u1');
    const { token } = await rotated.issue({ id: 'u2', generation: 1 });
    expect((await tokens.verify(token))?.userId).toBe('u2');
    expect(await tokens.verify(old)).toBeNull();
  });

  test('takes a new time to live from the configuration at once', async () => {
    const live = { current: config.current };
    const changing = new Tokens({ secrets: [SECRET], config: live });
    live.current = configWith({ token_ttl_seconds: 60 }).current;
    expect((await changing.issue({ id: 'u1', generation: 5 })).expiresIn).toBe(60);
  });

  test('needs a secret', async () => {
    const tokens = new Tokens({ secrets: [], config });
    await expect(tokens.issue({ id: 'u1', generation: 1 })).rejects.toThrow('secret');
  });
});
