import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { JsonMistake, parseJson } from '@/platform/config/json_text.ts';

function mistake(text: string): string {
  try {
    parseJson(text);
  } catch (error) {
    if (error instanceof JsonMistake) return `${error.place.line}:${error.place.column} ${error.message}`;
    throw error;
  }
  throw new Error(`taken as good: ${text}`);
}

describe('a mistake is told with line, column and what was expected:', () => {
  test.each([
    ['', '1:1 expected a value, found the end of the file'],
    ['{', '1:2 expected a name in double quotes, found the end of the file'],
    ['{\n  "a": 1,\n}', '3:1 there is a comma too many before this "}"'],
    ['[1, ]', '1:5 there is a comma too many before this "]"'],
    ['{"a" 1}', '1:6 expected ":" after "a", found "1"'],
    ['{"a": 1 "b": 2}', '1:9 expected "," or "}", found "\\""'],
    ["{'a': 1}", '1:2 expected a name in double quotes, found "\'"'],
    ['{"a": 1, "a": 2}', '1:10 the key "a" stands here twice'],
    ['{"a": "x\ny"}', '1:7 this text in quotes is not closed on its line'],
    ['{"a": "\\x"}', '1:7 this text in quotes holds a wrong escape or a control character'],
    ['{"a": 1} // why', '1:10 expected the end of the file, found "/"'],
    ['{ // why\n}', '1:3 expected a name in double quotes, found "/"'],
    ['{"a": // why\n1}', '1:7 JSON has no comments: remove this one'],
    ['{"a": 01}', '1:8 expected "," or "}", found "1"'],
    ['{"a": NaN}', '1:7 expected a value, found "N"'],
    ['['.repeat(100), '1:66 nested more than 64 levels deep'],
  ])('%p', (text, said) => {
    expect(mistake(text)).toBe(said);
  });
});

test('every key and element has its place', () => {
  const { places } = parseJson('{\n  "a": {"b/c": [1,\n 2]}\n}');
  expect(Object.fromEntries(places)).toEqual({
    '/a': { line: 2, column: 3 },
    '/a/b~1c': { line: 2, column: 9 },
    '/a/b~1c/0': { line: 2, column: 17 },
    '/a/b~1c/1': { line: 3, column: 2 },
  });
});

test('a byte order mark is passed over', () => {
  expect(parseJson('\uFEFF{"a": 1}').value).toEqual({ a: 1 });
});

test('a key named __proto__, which JavaScript would lose, is refused', () => {
  expect(() => parseJson('{"a": {"__proto__": 1}}')).toThrow('a key of this name is not possible');
});
test('reads whatever JSON.stringify writes as JSON.parse does', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('__proto__')),
      fc.constantFrom(undefined, 1, '\t'),
      (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJson(text).value).toEqual(JSON.parse(text));
      },
    ),
    { numRuns: 300 },
  );
});

test('refuses whatever JSON.parse refuses', () => {
  const good = (read: (text: string) => unknown, text: string): boolean => {
    try {
      read(text);
      return true;
    } catch {
      return false;
    }
  };
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"a"',
    '"b"',
    '1',
    '-',
    '.5',
    'true',
    ' ',
    '\n',
    '"',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join('');
      if (!good(JSON.parse, text)) expect(good(parseJson, text)).toBe(false);
    }),
    { numRuns: 1000 },
  );
});
