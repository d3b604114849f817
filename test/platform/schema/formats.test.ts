import { expect, test } from 'bun:test';
import { isDateTime } from '@/platform/schema/formats.ts';

test.each([
  '2026-01-31T09:30:00Z',
  '2026-01-31t09:30:00z',
  '2026-01-31T09:30:00.123456789Z',
  '2024-02-29T23:59:59+14:00',
  '0001-01-01T00:00:00-00:00',
])('%s is a time', (text) => {
  expect(isDateTime(text)).toBe(true);
});

test.each([
  '2026-02-30T00:00:00Z',
  '2026-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-10T00:00:00Z',
  '2026-01-31T24:30:00Z',
  '2026-01-31T09:30:60Z',
  '2026-01-31T09:30:00',
  '2026-01-31T09:30Z',
  '2026-01-31',
  '2026-01-31T09:30:00 02:00',
  '2026-01-31T09:30:00+25:00',
  'Sat Jan 31 2026 09:30:00 GMT+0000 (UTC)',
  '01/31/2026',
  'yesterday',
  '',
])('%s is none', (text) => {
  expect(isDateTime(text)).toBe(false);
});
