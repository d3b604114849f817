import { describe, expect, test } from 'bun:test';
import { RenderError } from '@/platform/template/failure.ts';
import { compileText, compileUrl, compileValue } from '@/platform/template/template.ts';

const scope = {
  lead: {
    email: 'a+b@x.io',
    first_name: 'Ada',
    phone: null,
    custom_fields: { 'two words': 2, list: [{ n: 1 }] },
  },
};

function compiled<T>(make: (options: Parameters<typeof compileText>[1]) => T): {
  template: T;
  errors: string[];
} {
  const errors: string[] = [];
  const template = make({
    pointer: '/at',
    check: (path) => (path[0] === 'lead' ? null : `unknown name "${path[0]}"`),
    report: (pointer, message) => errors.push(`${pointer}: ${message}`),
  });
  return { template, errors };
}

describe('a text', () => {
  test.each([
    ['plain', 'plain'],
    ['{{lead.email}}', 'a+b@x.io'],
    ['Hello {{ lead.first_name }}!', 'Hello Ada!'],
    ['{{lead.phone}}|{{lead.nothing}}', '|'],
    ["{{lead.phone ?? 'none'}}", 'none'],
    ['{{lead.phone ?? lead.nothing ?? lead.first_name}}', 'Ada'],
    ['{{lead.custom_fields["two words"]}}', '2'],
    ['{{lead.custom_fields.list[0].n}} {{lead.custom_fields.list.0.n}}', '1 1'],
    ['{{lead.custom_fields.list}}', '[{"n":1}]'],
    ["{{'{{'}}", '{{'],
    ['a } b }} c', 'a } b }} c'],
    ['{{lead.constructor}}{{lead.__proto__}}{{lead.email.length}}', ''],
  ])('%p becomes %p', (source, expected) => {
    const { template, errors } = compiled((options) => compileText(source, options));
    expect(errors).toEqual([]);
    expect(template.render(scope)).toBe(expected);
  });

  test.each([
    ['{{lead.email', 'missing }}'],
    ['{{}}', 'expected a name'],
    ['{{lead.}}', 'unexpected "."'],
    ['{{lead | upper}}', 'unexpected "|"'],
    ['{{lead()}}', 'unexpected "("'],
    ['{{secret.key}}', 'unknown name "secret"'],
  ])('%p is refused', (source, message) => {
    const { errors } = compiled((options) => compileText(source, options));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(message);
  });
});

describe('a URL', () => {
  const url = (source: string): string =>
    compiled((options) => compileUrl(source, options)).template.render(scope);

  test('keeps values in their place', () => {
    expect(url('https://x.io/{{lead.email}}?q={{lead.first_name}}')).toBe('https://x.io/a%2Bb%40x.io?q=Ada');
  });
  test('takes a value at its very start as it is', () => {
    expect(url('{{lead.email}}/x')).toBe('a+b@x.io/x');
  });
  test.each([
    ['..', 'https://x.io/people/{{lead.custom_fields.a}}/notes'],
    ['.', 'https://x.io/people/{{lead.custom_fields.a}}'],
    ['.', 'https://x.io/people/.{{lead.custom_fields.a}}?q=1'],
    ['.', 'https://x.io/people/{{lead.custom_fields.a}}{{lead.custom_fields.a}}#top'],
    ['.', 'https://x.io/people/%2e{{lead.custom_fields.a}}'],
  ])('refuses %p where %p would lead elsewhere with it', (value, source) => {
    const { template } = compiled((options) => compileUrl(source, options));
    expect(() => template.render({ lead: { custom_fields: { a: value } } })).toThrow(RenderError);
    expect(template.render({ lead: { custom_fields: { a: 'a..b' } } })).toContain('a..b');
  });
  test('takes dots in a query as they are', () => {
    const { template } = compiled((options) =>
      compileUrl('https://x.io/people?path=/{{lead.custom_fields.a}}/', options),
    );
    expect(template.render({ lead: { custom_fields: { a: '..' } } })).toBe('https://x.io/people?path=/../');
  });
  test('refuses a hole', () => {
    expect(() => url('https://x.io/{{lead.phone}}/notes')).toThrow(RenderError);
  });
});

describe('a value', () => {
  test('keeps the type of a lone expression, and fills texts in deeply', () => {
    const source = {
      a: ['{{lead.custom_fields}}', 7, null],
      b: { c: '{{lead.phone}}', d: 'x{{lead.first_name}}' },
    };
    const { template } = compiled((options) => compileValue(source, options));
    expect(template.render(scope)).toEqual({
      a: [scope.lead.custom_fields, 7, null],
      b: { c: null, d: 'xAda' },
    });
    expect([...template.reads]).toEqual(['lead']);
  });
  test('names the place of what is wrong', () => {
    const { errors } = compiled((options) => compileValue({ 'a/b': ['', '{{x}}'] }, options));
    expect(errors).toEqual(['/at/a~1b/1: unknown name "x"']);
  });
});
