import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { RenderError } from '@/platform/template/failure.ts';
import { compileText, compileUrl, compileValue } from '@/platform/template/template.ts';
import { holdStill } from '@/platform/time/clock.ts';

const scope = {
  lead: {
    email: 'a+b@x.io',
    first_name: 'Ada',
    phone: null,
    custom_fields: { key: 'two words', 'two words': 2, list: [{ n: 1 }] },
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
    ["{{lead.phone | default: 'none'}}", 'none'],
    ['{{lead.phone | default: lead.nothing | default: lead.first_name}}', 'Ada'],
    ['{{lead.first_name | upcase | append: "!"}}', 'ADA!'],
    ['{% if lead.phone %}{{lead.phone}}{% else %}no phone{% endif %}', 'no phone'],
    ['{% for item in lead.custom_fields.list %}{{forloop.index}}:{{item.n}}{% endfor %}', '1:1'],
    ['{% assign name = lead.first_name | downcase %}{{name}}', 'ada'],
    ['{% capture name %}{{lead.first_name}} L{% endcapture %}{{name}}', 'Ada L'],
    ['{% liquid\n assign n = 2\n echo n %}', '2'],
    ['{% raw %}{{ lead }}{% endraw %}', '{{ lead }}'],
    ['{% comment %}{{ lead }}{% endcomment %}', ''],
    ['{% case lead.first_name %}{% when "Ada", "Eve" %}yes{% else %}no{% endcase %}', 'yes'],
    ['{% for item in lead.custom_fields.list limit: 1 offset: continue %}{{item.n}}{% endfor %}', '1'],
    ['{{ lead.custom_fields[lead.custom_fields.key] }}', '2'],
    ['{{ "2026-11-26T23:30:00Z" | date: "%Y-%m-%d %H:%M" }}', '2026-11-26 23:30'],
    ['{{ "2026-11-26T23:30:00Z" | date: "%H:%M", "Europe/Berlin" }}', '00:30'],
    ['{{lead.custom_fields["two words"]}}', '2'],
    ['{{lead.custom_fields.list[0].n}} {{lead.custom_fields.list.0.n}}', '1 1'],
    ['{{lead.custom_fields.list}}', '[{"n":1}]'],
    ["{{'{{'}}", '{{'],
    ['a } b }} c', 'a } b }} c'],
    ['{{lead.constructor}}{{lead.__proto__}}{{lead.list.map}}{{lead.email.at}}', ''],
  ])('%p becomes %p', (source, expected) => {
    const { template, errors } = compiled((options) => compileText(source, options));
    expect(errors).toEqual([]);
    expect(template.render(scope)).toBe(expected);
  });

  test.each([
    ['{{lead.email', 'missing }} in "{{lead.email"'],
    ['{% if lead.email', 'missing %}'],
    ['{% if lead.email %}x', 'add {% endif %}'],
    ['x{% endif %}', 'unexpected {% endif %}'],
    ['{{}}', 'expected a value such as lead.email'],
    ['{{lead.}}', 'expected a name behind "lead."'],
    ['{{lead.email | upcas}}', 'there is no filter "upcas"; did you mean upcase?'],
    ['{{lead.email | where_exp: "x", "y"}}', 'there is no filter "where_exp"'],
    ['{% asign x = 1 %}', 'there is no tag "asign"; did you mean assign?'],
    ['{{lead()}}', 'value expected'],
    ['{{lead.email lead.phone}}', 'unexpected lead.phone'],
    ['{% if lead.email == %}x{% endif %}', 'a value on both sides'],
    ['{{secret.key}}', 'unknown name "secret"'],
    ['{% for item in lead.list %}{% endfor %}{{item.n}}', 'unknown name "item"'],
    ['{{name}}{% assign name = 1 %}', 'unknown name "name"'],
    ['{{lead.email | default: secret.key}}', 'unknown name "secret"'],
    ['{{lead.list | where: "a", secret.key}}', 'unknown name "secret"'],
    ['{{lead[secret.key]}}', 'unknown name "secret"'],
    ['{% if secret.key == 1 %}{% endif %}', 'unknown name "secret"'],
    ['{% for n in (1..secret.key) %}{% endfor %}', 'unknown name "secret"'],
    ['{{[lead.email]}}', 'a name cannot be computed'],
    ['{{lead.phone ?? "none"}}', '"??" is not Liquid: write {{ lead.phone | default: "none" }}'],
    ['{{lead.phone??lead.email}}', '"??" is not Liquid: write {{ lead.phone | default: lead.email }}'],
    ['{% include "/etc/passwd" %}', '{% include %} is not available'],
    ['{% render "x" %}', '{% render %} is not available'],
    ['{% layout "x" %}', '{% layout %} is not available'],
    ['{% block x %}{% endblock %}', '{% block %} is not available'],
    ['{% increment x %}', 'there is no tag "increment"'],
    ['\n\n  {{ lead.email | upcas }}', '(line 3, column 3)'],
  ])('%p is refused', (source, message) => {
    const { errors } = compiled((options) => compileText(source, options));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(message);
  });
});

test.each([
  ['is very long', `{{lead.email}}${'x'.repeat(100_000)}`, 'not be longer than 100,000 characters'],
  ['nests deeply', '{% if lead %}'.repeat(60) + '{% endif %}'.repeat(60), 'more than 50 deep'],
])('a text that %s is refused', (_, source, message) => {
  const { errors } = compiled((options) => compileText(source, options));
  expect(errors).toEqual([expect.stringContaining(message)]);
});

test('a text that nests too deeply to be read is refused', () => {
  const { errors } = compiled((options) =>
    compileText(`${'{% if lead %}'.repeat(7000)}{% endif %}`, options),
  );
  expect(errors).toHaveLength(1);
});

test('paths alone read what they read among tags', () => {
  const key = fc.oneof(
    fc.constantFrom(
      'a',
      'b',
      'size',
      'first',
      'last',
      'length',
      '0',
      '[0]',
      '[-1]',
      '["a"]',
      '["two words"]',
    ),
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, '', 'text', 0, false),
      fc.dictionary(fc.constantFrom('a', 'b', 'size', 'first', '0', 'two words'), tie('any')),
      fc.array(tie('any'), { maxLength: 3 }),
    ),
  })).any;
  fc.assert(
    fc.property(value, fc.array(key, { maxLength: 4 }), (lead, keys) => {
      const path = `lead${keys.map((each) => (each.startsWith('[') ? each : `.${each}`)).join('')}`;
      const render = (source: string): unknown =>
        compiled((options) => compileText(source, options)).template.render({ lead });
      const expected = render(`{% if true %}{{ ${path} }}{% endif %}`);
      expect(render(`{{ ${path} }}`)).toBe(expected);
      expect(render(`{{ ${path} }}.`)).toBe(`${expected}.`);
    }),
  );
});

test('"now" is the time of the program', () => {
  const release = holdStill({ now: () => Date.UTC(2026, 10, 26, 8, 5) });
  const { template } = compiled((options) => compileText('{{ "now" | date: "%d.%m.%Y %H:%M" }}', options));
  expect(template.render(scope)).toBe('26.11.2026 08:05');
  release();
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
  test.each([
    ['{{lead.phone}}', '{{lead.phone | default: ""}}'],
    ['{{lead.nothing | default: lead.phone}}', '{{lead.nothing | default: lead.phone | default: ""}}'],
    ['{{lead.phone | upcase}}', '{{lead.phone | default: "" | upcase}}'],
    ['{% if true %}{{lead.phone}}{% endif %}', '{% if true %}{{lead.phone | default: ""}}{% endif %}'],
    ['{% echo lead.phone %}', '{% echo lead.phone | default: "" %}'],
  ])('refuses the hole that %p leaves, and takes the one that %p asks for', (hole, wanted) => {
    expect(() => url(`https://x.io/${hole}/notes`)).toThrow('has no value, and the URL needs one');
    expect(url(`https://x.io/${wanted}/notes`)).toBe('https://x.io//notes');
  });
  test('encodes what a template makes itself once', () => {
    expect(url('https://x.io/{% capture q %}{{lead.email}} {{lead.first_name}}{% endcapture %}{{q}}')).toBe(
      'https://x.io/a%2Bb%40x.io%20Ada',
    );
    expect(url('https://x.io{% for item in lead.custom_fields.list %}/{{item.n}}{% endfor %}')).toBe(
      'https://x.io/1',
    );
  });
  test('takes nothing raw', () => {
    const { errors } = compiled((options) => compileUrl('https://x.io/{{lead.email | raw}}', options));
    expect(errors).toEqual([expect.stringContaining('raw is not available in {{ lead.email | raw }}')]);
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
  test.each([
    ['{{ lead.custom_fields["two words"] | plus: 1 }}', 3],
    ['{{ lead.custom_fields.list | map: "n" }}', [1]],
    ['{{ lead.nothing }}', null],
    ['{{ lead.phone | default: lead.custom_fields.list }}', scope.lead.custom_fields.list],
    ['{{ lead.first_name == "Ada" }}', true],
    ['{{- 7 -}}', 7],
    ['{{ nil }}', null],
    [' {{ 7 }}', ' 7'],
    ['{% if lead.phone %}x{% endif %}', ''],
  ])('that is %p is %p', (source, value) => {
    const { template, errors } = compiled((options) => compileValue(source, options));
    expect(errors).toEqual([]);
    expect(template.render(scope)).toEqual(value);
  });
  test('names the place of what is wrong', () => {
    const { errors } = compiled((options) => compileValue({ 'a/b': ['', '{{x}}'] }, options));
    expect(errors).toEqual(['/at/a~1b/1: unknown name "x"']);
  });
});
