import { expect, test } from 'bun:test';
import { createLogger, maskSecrets } from '@/platform/log/log.ts';

test.each([
  ['a text', { password: 'x', user: 'y' }, { password: '[masked]', user: 'y' }],
  ['a list', { jwtSecrets: ['x'] }, { jwtSecrets: '[masked]' }],
  ['an object', { credentials: { token: 'x' } }, { credentials: '[masked]' }],
  [
    'whatever the case and the joint',
    { encryptionKey: 'x', encryption_key: 'x', apiKey: 'x', api_key: 'x', password_hash: 'x', key_hash: 'x' },
    {
      encryptionKey: '[masked]',
      encryption_key: '[masked]',
      apiKey: '[masked]',
      api_key: '[masked]',
      password_hash: '[masked]',
      key_hash: '[masked]',
    },
  ],
  ['wherever it stands', { a: [{ b: { access_token: 'x' } }] }, { a: [{ b: { access_token: '[masked]' } }] }],
  [
    'in a URL',
    { url: 'postgres://user:pw@db:5432/x', said: 'at redis://:pw@a and http://b/@c' },
    { url: 'postgres://[masked]@db:5432/x', said: 'at redis://[masked]@a and http://b/@c' },
  ],
])('a secret is masked: %s', (_, value, masked) => {
  expect(maskSecrets(value)).toEqual(masked);
});

test.each([
  ['yes, no and numbers', { credentials_changed: true, tokens: 3, secret: false }],
  ['nothing', { password: null, token: '' }],
  ['ids', { request_id: 'r', key_id: 'k', user_id: 'u', jti: 'j', key: 'Idempotency' }],
  ['a code', { keyboard: 'x', passed: 'y', cookbook: 'z' }],
])('what is no secret stays: %s', (_, value) => {
  expect(maskSecrets(value)).toEqual(value);
});

test('what is nested too deeply to be looked at is left out', () => {
  let value: unknown = { password: 'x' };
  for (let depth = 0; depth < 20; depth += 1) value = { deeper: value };
  const text = JSON.stringify(maskSecrets(value));
  expect(text).toContain('[too deep]');
  expect(text).not.toContain('"x"');
});

test('an error is logged with its stack, and without the password of a URL in its message', () => {
  const lines: Record<string, { message: string; stack: string }>[] = [];
  const log = createLogger({ write: (line) => void lines.push(JSON.parse(line)) });
  log.error('failed', { error: new Error('cannot reach postgres://user:pw@db/x') });
  expect(lines[0]?.error?.message).toBe('cannot reach postgres://[masked]@db/x');
  expect(lines[0]?.error?.stack).toContain('log.test.ts');
  expect(JSON.stringify(lines)).not.toContain('pw@');
});

test('lines below the level are not written, and a change of level reaches every logger made of it', () => {
  const lines: string[] = [];
  const log = createLogger({ level: 'warn', write: (line) => void lines.push(JSON.parse(line).msg) });
  const child = log.with({ worker: 1 });
  child.info('a');
  log.setLevel('debug');
  child.debug('b');
  expect(lines).toEqual(['b']);
});
