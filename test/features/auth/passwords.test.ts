import { describe, expect, test } from 'bun:test';
import { Passwords, passwordFault, requireAcceptable } from '@/features/auth/passwords.ts';
import { InvalidRequest, Unavailable } from '@/platform/errors/problem.ts';

const cheap = { memoryKiB: 1024, passes: 1 };

describe('Passwords', () => {
  test('stores argon2id at 64 MB and two passes unless told otherwise', async () => {
    const hash = await new Passwords().hash('correct horse');
    expect(hash).toStartWith('$argon2id$v=19$m=65536,t=2,p=1$');
  });

  test('knows a password again, and no other', async () => {
    const passwords = new Passwords(cheap);
    const hash = await passwords.hash('correct horse');
    expect(await passwords.verify('correct horse', hash)).toBe(true);
    expect(await passwords.verify('Correct horse', hash)).toBe(false);
  });

  test('takes composed and decomposed letters for the same', async () => {
    const passwords = new Passwords(cheap);
    const hash = await passwords.hash('Z\u00fcrich am See');
    expect(await passwords.verify('Zu\u0308rich am See', hash)).toBe(true);
  });

  test('takes as long for nobody as for somebody, and always says no', async () => {
    const passwords = new Passwords();
    const hash = await passwords.hash('correct horse');
    const time = async (stored: string | null): Promise<number> => {
      const started = Bun.nanoseconds();
      expect(await passwords.verify('wrong', stored)).toBe(false);
      return Bun.nanoseconds() - started;
    };
    await time(hash);
    const fastest = async (stored: string | null): Promise<number> =>
      Math.min(await time(stored), await time(stored), await time(stored));
    const ratio = (await fastest(null)) / (await fastest(hash));
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  test('hashes no more than its cap at once, and every caller in the end', async () => {
    const passwords = new Passwords({ ...cheap, concurrent: 2 });
    const hash = await passwords.hash('correct horse');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => passwords.verify('correct horse', hash)),
    );
    expect(answers).toEqual(Array.from({ length: 20 }, () => true));
  });

  test('refuses with 503 and Retry-After when the queue is full, and works again afterwards', async () => {
    const passwords = new Passwords({ ...cheap, concurrent: 1, waiting: 1 });
    const [first, second, third] = await Promise.allSettled(
      ['a', 'b', 'c'].map((text) => passwords.hash(text)),
    );
    expect(first?.status).toBe('fulfilled');
    expect(second?.status).toBe('fulfilled');
    const reason: unknown = third?.status === 'rejected' ? third.reason : null;
    expect(reason).toBeInstanceOf(Unavailable);
    expect((reason as Unavailable).headers['retry-after']).toBe('5');
    expect(await passwords.hash('d')).toStartWith('$argon2id$');
  });

  test('gives its turn on when a hash fails', async () => {
    const passwords = new Passwords({ ...cheap, concurrent: 1 });
    await expect(passwords.verify('x', 'not a hash')).rejects.toThrow();
    expect(await passwords.hash('d')).toStartWith('$argon2id$');
  });
});

describe('a new password', () => {
  test.each([
    ['shorter', 'eleven char', 'must have at least 12 characters'],
    ['twelve characters', 'twelve chars', null],
    ['twelve characters of several bytes each', '密码密码密码密码密码密码', null],
    ['1024 bytes', 'x'.repeat(1024), null],
    ['more than 1024 bytes', 'ü'.repeat(513), 'must have at most 1024 bytes'],
    ['a line break', 'twelve chars\n', 'must not hold control characters or half characters'],
    ['half a character', 'twelve chars\ud83d', 'must not hold control characters or half characters'],
    ['the user name', 'Grace.Hopper.1906', 'must not be the user name'],
  ])('%s', (_, password, fault) => {
    expect(passwordFault(password, 'grace.hopper.1906', 12)).toBe(fault);
  });

  test('is refused with the field that is at fault', () => {
    const refuse = () => requireAcceptable('short', 'grace', 12, '/new_password');
    expect(refuse).toThrow(InvalidRequest);
    try {
      refuse();
    } catch (error) {
      expect((error as InvalidRequest).errors).toEqual([
        { in: 'body', path: '/new_password', message: 'must have at least 12 characters' },
      ]);
    }
  });
});
