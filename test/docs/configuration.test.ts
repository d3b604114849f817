/** The page about the configuration tells the truth: it is what its generator makes of the schema. */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { Value } from '@sinclair/typebox/value';
import { expectation } from '@/platform/config/problems.ts';
import { secretVariables } from '@/platform/config/variables.ts';
import { CONFIG } from '@/server/composition.ts';
import { configurationPage, PAGE } from '../../scripts/configuration_page.ts';

const page = readFileSync(PAGE, 'utf8');
const keys = CONFIG.sections.flatMap(({ name, schema }) =>
  Object.entries(schema.properties).map(([key, each]) => [`${name}.${key}`, each] as const),
);

describe('docs/configuration.md', () => {
  test('is what the generator makes', () => {
    expect(page === configurationPage(), 'run: bun scripts/configuration_page.ts').toBe(true);
  });

  test('names every key with its default, and marks secrets and what SIGHUP applies', () => {
    for (const [path, schema] of keys) {
      const marks = `${schema['x-live'] ? ' ⟳' : ''}${schema['x-secret'] ? ' 🔒' : ''}`;
      expect(page).toContain(`| \`${path}\`${marks} | \`${JSON.stringify(schema.default)}\` |`);
    }
  });

  test('names every variable that can stand in a file', () => {
    for (const name of secretVariables(CONFIG)) expect(page).toContain(`\`${name}\``);
  });
});

describe('every key', () => {
  test.each(keys)('%s says what it is for, and lists and objects show how they are written', (_, schema) => {
    expect(schema.description).toMatch(/^\S.*\.$/);
    if (!/list|section/.test(expectation(schema))) return;
    const [example] = schema.examples as unknown[];
    expect(Value.Check(schema, example)).toBe(true);
  });
});
