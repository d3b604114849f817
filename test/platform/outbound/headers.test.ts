import { expect, test } from 'bun:test';
import { mergedHeaders } from '@/platform/outbound/headers.ts';

test('the later goes before the earlier, whatever the case of its name', () => {
  const headers = mergedHeaders(
    { accept: 'application/json', 'content-type': 'application/json' },
    { 'Content-Type': 'application/vnd.api+json', 'X-Own': '1' },
    { 'IDEMPOTENCY-KEY': 'theirs' },
    { 'idempotency-key': 'ours' },
  );
  expect(headers).toEqual({
    accept: 'application/json',
    'Content-Type': 'application/vnd.api+json',
    'X-Own': '1',
    'idempotency-key': 'ours',
  });
});
