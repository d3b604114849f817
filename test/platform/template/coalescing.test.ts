import { expect, test } from 'bun:test';
import { toLiquid } from '@/platform/template/coalescing.ts';
import { compileText } from '@/platform/template/template.ts';

const scope = { lead: { phone: null, first_name: 'Ada', on: false, 'a\\b': 1, list: [{ n: 1 }] } };

test.each([
  ['plain ?? text', 'plain ?? text', 'plain ?? text'],
  ['{{lead.first_name}}', '{{lead.first_name}}', 'Ada'],
  ["{{ lead['first_name'] }}", "{{ lead['first_name'] }}", 'Ada'],
  [
    "Hi {{lead.phone ?? lead.nothing ?? 'none'}}!",
    "Hi {{ lead.phone | default: lead.nothing, allow_false: true | default: 'none', allow_false: true }}!",
    'Hi none!',
  ],
  ['{{lead.on??"x"}}', '{{ lead.on | default: "x", allow_false: true }}', 'false'],
  ['{{lead.list[0].n ?? "?"}}', '{{ lead.list[0].n | default: "?", allow_false: true }}', '1'],
  [
    `{{lead["phone"] ?? 'a }} b ?? "c"'}}`,
    `{{ lead["phone"] | default: 'a }} b ?? "c"', allow_false: true }}`,
    'a }} b ?? "c"',
  ],
  ['{{lead.phone ?? "a\\nb"}}', '{{ lead.phone | default: "a\\\\nb", allow_false: true }}', 'a\\nb'],
  ["{{lead['a\\b']}}", "{{ lead['a\\\\b'] }}", '1'],
  ['{{lead.no-}} x', '{{ lead.no- }} x', ' x'],
  ["{{'{{'}} 100 {% off", `{{'{{'}} 100 {{ "{%" }} off`, '{{ 100 {% off'],
])('%p becomes %p', (old, liquid, rendered) => {
  expect(toLiquid(old)).toBe(liquid);
  const template = compileText(liquid, {
    pointer: '',
    check: () => null,
    report: (_, message) => {
      throw new Error(message);
    },
  });
  expect(template.render(scope)).toBe(rendered);
});

test.each([
  '{{ lead.phone | default: "none" }}',
  "{{ lead.phone | default: lead.nothing, allow_false: true | default: 'none', allow_false: true }}",
  '{{ "{%" }} off',
])('%p is Liquid already', (source) => {
  expect(toLiquid(source)).toBe(source);
});
