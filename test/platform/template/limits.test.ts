/** Templates that would never end or never fit: each ends soon, and says what to do. */
import { expect, test } from 'bun:test';
import { RenderError } from '@/platform/template/failure.ts';
import { compileText, compileValue } from '@/platform/template/template.ts';

const options = {
  pointer: '',
  check: () => null,
  report: (_: string, message: string) => {
    throw new Error(message);
  },
};
const items = Array.from({ length: 1000 }, (_, n) => ({
  n,
  text: 'x'.repeat(100),
  list: ['y'.repeat(50_000)],
}));
const scope = { context: { items, text: 'x'.repeat(1000) } };

/** Doubles a list of itself, through what filters make of it. */
const doubled = '{% assign a = a | concat: a %}';

test.each([
  ['a loop over a huge range', '{% for n in (1..1000000000) %}x{% endfor %}', 'loop over fewer items'],
  ['a huge range', '{{ (1..1000000000) | join: "" }}', 'loop over fewer items'],
  [
    'loops in loops',
    '{% for a in context.items %}{% for b in context.items %}{% for c in context.items %}{% endfor %}{% endfor %}{% endfor %}',
    'takes more than 100,000 steps',
  ],
  [
    'a text that doubles',
    '{% assign a = context.text %}{% for n in (1..60) %}{% assign a = a | append: a %}{% endfor %}{{ a }}',
    'build shorter texts',
  ],
  [
    'a captured text that doubles',
    '{% assign a = context.text %}{% for n in (1..60) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}{{ a }}',
    'build shorter texts',
  ],
  [
    'a long text repeated',
    `{% for a in context.items %}{% for b in (1..20) %}${'x'.repeat(9000)}{% endfor %}{% endfor %}`,
    'build shorter texts',
  ],
  ['a list that doubles', `{% assign a = context.items %}${doubled.repeat(30)}x`, 'build shorter texts'],
  [
    'a list of large lists that doubles, as text',
    `{% assign a = context.items | map: "list" %}${doubled.repeat(8)}{{ a | join: "" }}`,
    'build shorter texts',
  ],
  [
    'a list of large objects that doubles, printed',
    `{% assign a = context.items %}${doubled.repeat(8)}{{ a }} x`,
    'build shorter texts',
  ],
  ['a date of endless width', '{{ "now" | date: "%900000000d" }}', 'build shorter texts'],
])('%s ends with a clear error', (_, source, message) => {
  const template = compileText(source, options);
  expect(() => template.render(scope)).toThrow(RenderError);
  expect(() => template.render(scope)).toThrow(message);
});

test('a lone expression whose value explodes ends with a clear error', () => {
  const template = compileValue(`{{ context.items ${'| concat: context.items '.repeat(50)} }}`, options);
  expect(() => template.render(scope)).toThrow('build shorter texts');
});

test('a failure leaves nothing behind for the next rendering', () => {
  const template = compileText('{% for n in (1..context.most) %}x{% endfor %}', options);
  expect(() => template.render({ context: { most: 1e9 } })).toThrow(RenderError);
  expect(template.render({ context: { most: 3 } })).toBe('xxx');
});

test('what filters throw fails the rendering in its words', () => {
  const template = compileText('{{ context.text | base64_decode }}', options);
  expect(() => template.render({ context: { text: '%' } })).toThrow('invalid base64');
  expect(() => template.render({ context: { text: '%' } })).toThrow(RenderError);
});
