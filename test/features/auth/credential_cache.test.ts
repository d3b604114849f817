import { expect, test } from 'bun:test';
import { ANONYMOUS_OPERATOR } from '@/features/auth/authenticator.ts';
import { CredentialCache, type Standing } from '@/features/auth/credential_cache.ts';

const standing = (id: string): Standing => ({
  principal: { ...ANONYMOUS_OPERATOR, id },
  endsAt: 1_000_000,
});
const know = (cache: CredentialCache, text: string, time = 0): Promise<Standing> =>
  cache.look(text, time, async () => standing(text));

test('is bounded: the one looked at longest ago goes first', async () => {
  const cache = new CredentialCache();
  for (let i = 0; i < 10_000; i += 1) await know(cache, `token ${i}`);
  await know(cache, 'token 0');
  await know(cache, 'one more');
  expect(cache.size).toBe(10_000);
  expect(cache.known('token 0')).not.toBeNull();
  expect(cache.known('token 1')).toBeNull();
});

test('is fresh for the time given, and not beyond its end', async () => {
  const cache = new CredentialCache();
  await know(cache, 'token', 999_800);
  expect(cache.fresh('token', 999_999, 500)?.id).toBe('token');
  expect(cache.fresh('token', 1_000_000, 500)).toBeNull();
  expect(cache.fresh('token', 999_799, 500)).toBeNull();
  expect(cache.fresh('other', 999_800, 500)).toBeNull();
});

test('keeps nothing of a look that was under way when the user changed', async () => {
  const cache = new CredentialCache();
  const gate = Promise.withResolvers<Standing>();
  const slow = cache.look('token', 0, () => gate.promise);
  cache.forgetUser('u1');
  const second = cache.look('token', 1, async () => standing('u1'));
  gate.resolve(standing('u1'));
  await Promise.all([slow, second]);
  expect(cache.known('token')?.checkedAt).toBe(1);
});

test('forgets a credential whose look was refused, and asks again', async () => {
  const cache = new CredentialCache();
  await know(cache, 'token');
  const refused = cache.look('token', 600, () => Promise.reject(new Error('revoked')));
  await expect(refused).rejects.toThrow('revoked');
  expect(cache.known('token')).toBeNull();
  expect((await know(cache, 'token')).principal.id).toBe('token');
});
