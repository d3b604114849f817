import { describe, expect, test } from 'bun:test';
import { requireVersion } from '@/platform/db/expected_version.ts';
import { MalformedRequest, PreconditionFailed } from '@/platform/errors/problem.ts';
import { etag, expectedVersions, isNotModified } from '@/platform/http/etag.ts';

const request = (headers: Record<string, string>) => new Request('http://localhost/', { headers });

test('a tag is the version in quotes', () => expect(etag(7)).toBe('"7"'));

describe('If-None-Match', () => {
  test.each([
    ['"3"', true],
    ['W/"3"', true],
    ['"1", "3"', true],
    ['*', true],
    ['"3-gzip"', true],
    ['"4"', false],
    ['3', false],
  ])('%s against version 3: %p', (header, expected) => {
    expect(isNotModified(request({ 'if-none-match': header }), 3)).toBe(expected);
  });
  test('absent: false', () => expect(isNotModified(request({}), 3)).toBe(false));
});

describe('If-Match', () => {
  test.each([
    ['"12"', [12]],
    ['"12-gzip"', [12]],
    ['"12-br"', []],
    ['"1", "2"', [1, 2]],
    ['W/"12"', []],
    ['"abc"', []],
    ['W/"1" ,"2","x"', [2]],
    ['*', null],
  ])('%s names the versions %p', (header, versions) => {
    expect(expectedVersions(request({ 'if-match': header }))).toEqual(versions);
  });
  test('absent is any', () => expect(expectedVersions(request({}))).toBeNull());
  test.each(['12', '"1" "2"', '"1",', 'W/12', '"'])('%p is no list of tags', (header) => {
    expect(() => expectedVersions(request({ 'if-match': header }))).toThrow(MalformedRequest);
  });
  test('one of several is enough, none is too few', () => {
    expect(() => requireVersion('lead', 3, [1, 3])).not.toThrow();
    expect(() => requireVersion('lead', 3, null)).not.toThrow();
    for (const versions of [[], [2]]) {
      expect(() => requireVersion('lead', 3, versions)).toThrow(PreconditionFailed);
    }
  });
});
