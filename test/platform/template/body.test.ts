import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { compileBody, contentTypeIn } from '@/platform/template/body.ts';

const FORM = 'application/x-www-form-urlencoded';

function compiled(source: unknown, contentType?: string) {
  const errors: string[] = [];
  const template = compileBody(source, contentType, {
    pointer: '/body',
    check: () => null,
    report: (pointer, message) => errors.push(`${pointer}: ${message}`),
  });
  return { template, errors };
}
const sent = (source: unknown, contentType: string | undefined, v: unknown): string =>
  compiled(source, contentType).template.render({ v }).content;
const pairs = (form: string): string[][] => [...new URLSearchParams(form)];

describe('a form', () => {
  const scalar = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean());
  test('decodes to exactly the values, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), scalar, fc.array(scalar), (name, a, list) => {
        const body = sent({ [name]: '{{ v.a }}', fixed: '+&="\n', list: '{{ v.list }}' }, FORM, { a, list });
        const whole = (of: unknown): string => String(of).toWellFormed();
        // Names that look like numbers come first in an object.
        const expected = Object.entries({ [name]: [a], fixed: ['+&="\n'], list }).flatMap(([key, values]) =>
          values.map((each) => [whole(key), whole(each)]),
        );
        expect(pairs(body)).toEqual(expected);
      }),
    );
  });
  test('written as a text has its values encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (a) => {
        expect(pairs(sent('a={{ v.a }}&b=x{{ v.a }}', FORM, { a }))).toEqual([
          ['a', a.toWellFormed()],
          ['b', `x${a.toWellFormed()}`],
        ]);
      }),
    );
  });
  test.each([
    [{ a: null, b: '{{ v.no }}', c: true, d: [1, null] }, 'a=&b=&c=true&d=1&d='],
    ['{{ v.fields }}', 'x=1&y=a+b'],
    ['{{ v.text }}', 'a%3D%26'],
    ['{{ v.text | raw }}', 'a=&'],
    [{}, ''],
  ])('%j is sent as %p', (source, expected) => {
    expect(sent(source, `${FORM}; charset=UTF-8`, { fields: { x: 1, y: 'a b' }, text: 'a=&' })).toBe(
      expected,
    );
  });
  test.each([
    [{ a: { b: 1 } }, '/body/a'],
    [{ a: [{ b: 1 }] }, '/body/a'],
    [['a'], '/body'],
    ['a={{ v | raw }}', '/body'],
  ])('%j is refused', (source, pointer) => {
    expect(compiled(source, FORM).errors).toEqual([expect.stringContaining(`${pointer}: `)]);
  });
  test('fails with the field whose value does not fit', () => {
    expect(() => sent({ a: '{{ v }}' }, FORM, { b: 1 })).toThrow('/body/a: a field of a form');
  });
});

test.each([
  ['text {{ v }}', undefined, 'text "', 'text/plain; charset=utf-8'],
  ['{{ v }}', undefined, '"', 'text/plain; charset=utf-8'],
  [{ a: '{{ v }}' }, undefined, '{"a":"\\""}', 'application/json'],
  ['{"a": "{{ v }}"}', 'application/json', '{"a": "\\""}', 'application/json'],
  ['{"a": {{ v }}}', 'Application/Vnd.X+JSON; charset=utf-8', '{"a": "\\""}', 'application/json'],
  ['{{ v }}', 'application/json', '"\\""', 'application/json'],
  [['{{ v }}'], 'application/json', '["\\""]', 'application/json'],
  ['<a b="{{ v }}"/>', 'application/xml', '<a b="&#34;"/>', 'text/plain; charset=utf-8'],
  ['<p>{{ v }}</p>', 'text/html', '<p>&#34;</p>', 'text/plain; charset=utf-8'],
  ['{{ v }}', 'text/csv', '"', 'text/plain; charset=utf-8'],
])('%j under %p is sent as %p', (source, contentType, content, unlessGiven) => {
  expect(compiled(source, contentType).template.render({ v: '"' })).toEqual({
    content,
    contentType: unlessGiven,
  });
});

test('the content type is found in whatever case; the last one counts', () => {
  expect(contentTypeIn({ a: 'b', 'CONTENT-type': 'x', 'Content-Type': 'y' })).toBe('y');
  expect(contentTypeIn({})).toBeUndefined();
});
