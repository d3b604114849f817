import { expect, test } from 'bun:test';
import { nearest } from '@/platform/errors/suggestion.ts';

const KEYS = ['max_requests', 'window_seconds', 'enabled', 'port'];

test.each([
  ['max_request', 'max_requests'],
  ['maxRequests', 'max_requests'],
  ['MAX-REQUESTS', 'max_requests'],
  ['window_secnods', 'window_seconds'],
  ['enable', 'enabled'],
  ['prot', 'port'],
  ['colour', null],
  ['', null],
])('%p was probably meant as %p', (word, meant) => {
  expect(nearest(word, KEYS)).toBe(meant);
});
