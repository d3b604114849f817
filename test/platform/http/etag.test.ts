import { describe, expect, test } from 'bun:test';
import { MalformedRequest } from '@/platform/errors/problem.ts';
import { etag, expectedVersion, isNotModified } from '@/platform/http/etag.ts';

const request = (headers: Record<string, string>) => new Request('http://localhost/', { headers });

test('a tag is the version in quotes', () => expect(etag(7)).toBe('"7"'));

describe('If-None-Match', () => {
  test.each([
    ['"3"', true],
    ['W/"3"', true],
    ['"1", "3"', true],
    ['*', true],
    ['"4"', false],
    ['3', false],
  ])('%s against version 3: %p', (header, expected) => {
    expect(isNotModified(request({ 'if-none-match': header }), 3)).toBe(expected);
  });
  test('absent: false', () => expect(isNotModified(request({}), 3)).toBe(false));
});

describe('If-Match', () => {
  test('a tag is a version; absent and * are any', () => {
    expect(expectedVersion(request({ 'if-match': '"12"' }))).toBe(12);
    expect(expectedVersion(request({ 'if-match': '*' }))).toBeNull();
    expect(expectedVersion(request({}))).toBeNull();
  });
  test.each(['12', '"abc"', 'W/"12"', '"1", "2"', ''])('%p is refused', (header) => {
    expect(() => expectedVersion(request({ 'if-match': header }))).toThrow(MalformedRequest);
  });
});
