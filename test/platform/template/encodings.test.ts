/** Whatever the values are, they stay at the places where templates put them. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { RenderError } from '@/platform/template/failure.ts';
import {
  type CompileOptions,
  compileHeader,
  compileHtml,
  compileJsonText,
  compileUrl,
} from '@/platform/template/template.ts';

const options: CompileOptions = {
  pointer: '',
  check: () => null,
  report: (_, message) => {
    throw new Error(message);
  },
};
const ODD = [
  '"',
  '\\',
  '\\"',
  '"}',
  '<b>',
  "'",
  '&amp;',
  '../',
  '?#',
  '%2e',
  '{{',
  '\n',
  '\u2028',
  '\ud800',
  '',
];
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.constantFrom(...ODD)).map((all) => all.join('')),
);
const value = fc.oneof(text, fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(Number.NaN, undefined, -0));

describe('a URL', () => {
  const template = compileUrl(
    'https://x.io/a/{{ v.a | default: "" }}/z?q={{ v.a | default: "" }}#f',
    options,
  );
  test('never lets a value leave its place', () => {
    fc.assert(
      fc.property(value, (a) => {
        let url: URL;
        try {
          url = new URL(template.render({ v: { a } }));
        } catch (error) {
          // A segment of dots would lead elsewhere.
          expect(error).toBeInstanceOf(RenderError);
          return;
        }
        expect(url.origin).toBe('https://x.io');
        const segments = url.pathname.split('/');
        expect([segments.length, segments[1], segments[3]]).toEqual([4, 'a', 'z']);
        expect([...url.searchParams.keys()]).toEqual(['q']);
        if (typeof a === 'string') {
          expect(url.searchParams.get('q')).toBe(a.toWellFormed());
          expect(decodeURIComponent(segments[2] ?? '')).toBe(a.toWellFormed());
        }
      }),
    );
  });
});

describe('a JSON text', () => {
  const template = compileJsonText(
    '{"bare": {{ v.a }}, "quoted": "<{{ v.a }}>", "list": [{% for x in v.l %}{{ x }}{% unless forloop.last %},{% endunless %}{% endfor %}], "{{ v.k }}": "\\\\"}',
    options,
  );
  test('always parses, and holds exactly the values', () => {
    fc.assert(
      fc.property(value, fc.array(value), text, (a, l, k) => {
        const key = `k${k}`;
        const parsed = JSON.parse(template.render({ v: { a, l, k: key } }));
        const json = (of: unknown): unknown => JSON.parse(JSON.stringify(of) ?? 'null');
        expect(parsed.bare).toEqual(json(a));
        expect(parsed.list).toEqual(l.map(json));
        expect(Object.keys(parsed)).toHaveLength(4);
        if (typeof a === 'string') expect(parsed.quoted).toBe(`<${a}>`);
      }),
    );
  });
  test.each([
    ['{"a": {{ v.o | json }}}', '{"a": {"b":"\\""}}'],
    ['{"a": "{{ v.o | json }}"}', '{"a": "{\\"b\\":\\"\\\\\\"\\"}"}'],
    ['{"a": {{ v.nothing | json }}}', '{"a": null}'],
    ['{"a": {{ v.json | raw }}}', '{"a": [1, 2]}'],
    ['{{ v.o }}', '{"b":"\\""}'],
    ['{{ v.text }}', '"x\\"y"'],
    ['{{ v.n | plus: 1 }}', '3'],
    [
      '{% capture t %}a {{ v.text }}{% endcapture %}{"t": {{ t }}, "u": "{{ t }}"}',
      '{"t": "a x\\"y", "u": "a x\\"y"}',
    ],
  ])('%p becomes %p', (source, expected) => {
    const v = { o: { b: '"' }, json: '[1, 2]', text: 'x"y', n: 2 };
    expect(compileJsonText(source, options).render({ v })).toBe(expected);
  });
  test.each([
    ['{"a": {{ v.text | raw }}}', 'is not JSON, so it cannot be raw'],
    ['{"a": "{{ v.text | raw }}"}', 'is raw between quotes'],
    ['{"a": "\\{{ v.text }}"}', 'behind a backslash'],
  ])('%p is refused', (source, message) => {
    expect(() => compileJsonText(source, options).render({ v: { text: 'x"y' } })).toThrow(message);
  });
});

describe('HTML', () => {
  test('never has a mark from a value unescaped', () => {
    const template = compileHtml('<p title="{{ v.a }}">{{ v.a }}</p>', options);
    fc.assert(
      fc.property(value, (a) => {
        const inner = template.render({ v: { a } }).slice('<p title="'.length, -'</p>'.length);
        const [title = '', body = '', ...more] = inner.split('">');
        expect(more).toEqual([]);
        expect(title).toBe(body);
        expect(title).not.toMatch(/[<>"']|&(?!amp;|lt;|gt;|#34;|#39;)/);
      }),
    );
  });
  test('keeps what a template captures, with its values escaped once', () => {
    const source = '{% capture b %}<b>{{ v.a }}</b>{% endcapture %}{{ b }}{{ v.a | raw }}{{ b | upcase }}';
    expect(compileHtml(source, options).render({ v: { a: '<i>' } })).toBe(
      '<b>&lt;i&gt;</b><i>&lt;B&gt;&amp;LT;I&amp;GT;&lt;/B&gt;',
    );
  });
});

describe('a header', () => {
  const render = (source: string, a: string): string => compileHeader(source, options).render({ v: { a } });
  test.each(['a\r\nX: b', 'a\0', 'Łódź', '😀', '\x7f'])('refuses %p and says what would carry it', (a) => {
    expect(() => render('n={{ v.a }}', a)).toThrow('{{ v.a }} has a character that headers cannot carry (U+');
    expect(() => render('{{ v.a | raw }}', a)).toThrow(RenderError);
    expect(render('n={{ v.a | url_encode }}', a)).toMatch(/^n=[\w%+-]+$/);
  });
  test('takes everything else as it is', () => {
    expect(render('n={{ v.a }}', 'José\t"~"')).toBe('n=José\t"~"');
  });
});
