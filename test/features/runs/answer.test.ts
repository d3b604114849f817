import { expect, test } from 'bun:test';
import { keptBody, parsed } from '@/features/workflows/steps/answer.ts';

const answer = (body: string) => ({ status: 200, headers: new Headers(), body });
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

test.each([
  ['JSON', '{"a":[1]}', { a: [1] }],
  ['null, which is JSON', 'null', null],
  ['text that is no JSON', 'hello', 'hello'],
  ['nothing', '', ''],
])('the body of an answer is kept: %s', (_, text, body) => {
  expect(keptBody(answer(text))).toEqual({ body });
});

test('JSON that is nested too deeply is kept as its text', () => {
  expect(keptBody(answer(nested(60))).body).toBeArray();
  expect(keptBody(answer(nested(30_000)))).toEqual({ body: nested(30_000) });
});

test('a body that is too long is cut, and says so', () => {
  expect(keptBody(answer('x'.repeat(70_000)))).toEqual({ body: 'x'.repeat(65_536), truncated: true });
});

test('a whole number that is too large to be exact keeps its digits', () => {
  expect(parsed('{"id":1234567890123456789,"n":42,"f":1.5}')).toEqual({
    id: '1234567890123456789',
    n: 42,
    f: 1.5,
  });
});
