import { expect, test } from 'bun:test';
import { readEnvironment } from '@/platform/config/environment.ts';

test('secrets are read by their names, and an empty one counts as absent', () => {
  const environment = readEnvironment({
    JWT_SECRET: 'new',
    JWT_SECRET_PREVIOUS: 'old',
    AO_ADMIN_PASSWORD: '',
    AO_ENV: 'Production',
  });
  expect(environment).toEqual({
    jwtSecret: 'new',
    jwtSecretPrevious: 'old',
    adminPassword: undefined,
    encryptionKey: undefined,
    mode: 'production',
  });
});

test('anything but "production" is development', () => {
  expect(readEnvironment({}).mode).toBe('development');
  expect(readEnvironment({ AO_ENV: 'staging' }).mode).toBe('development');
});

test('what the developer has set does not reach the tests', () => {
  expect(readEnvironment()).toEqual(readEnvironment({}));
});
