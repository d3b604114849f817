/** README tells the truth about the configuration. */
import { expect, test } from 'bun:test';
import { resolve } from 'node:path';
import { CONFIG } from '@/server/composition.ts';

interface Key {
  readonly default?: unknown;
  readonly 'x-live'?: true;
}

const keys = Object.entries(CONFIG.schema.properties).flatMap(([section, { properties }]) =>
  Object.entries(properties as Record<string, Key>).map(
    ([name, key]) => [`${section}.${name}`, key] as const,
  ),
);

test('its table names every key with its default, and marks those that SIGHUP applies', async () => {
  const readme = await Bun.file(resolve(import.meta.dir, '../README.md')).text();
  const rows = readme.split('\n').filter((line) => line.startsWith('| `'));
  for (const [path, key] of keys) {
    const live = key['x-live'] ? ' ⟳' : '';
    expect(rows.find((row) => row.startsWith(`| \`${path}\``))).toStartWith(
      `| \`${path}\`${live} | \`${JSON.stringify(key.default)}\` |`,
    );
  }
});
