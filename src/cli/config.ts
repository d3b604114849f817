/** `config …`: what a configuration is, before a server runs with it. */
import type { TSchema } from '@sinclair/typebox';
import { masked } from '@/platform/config/masked.ts';
import { CONFIG } from '@/server/composition.ts';
import type { Command } from './command.ts';
import { configCheck } from './config_check.ts';
import { CONFIG_FLAG, configOf } from './locations.ts';
import { printJson } from './output.ts';

/** For what a person writes, not for what is in force: what has a default may be left out. */
function forFiles(schema: TSchema): TSchema {
  const { required, properties, ...rest } = schema as TSchema & {
    required?: string[];
    properties?: Record<string, TSchema>;
  };
  if (!properties) return schema;
  const needed = (required ?? []).filter((key) => properties[key]?.default === undefined);
  const inner = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, forFiles(value)]));
  return { ...rest, ...(needed.length > 0 ? { required: needed } : {}), properties: inner } as TSchema;
}

export const configCommands: readonly Command[] = [
  configCheck,
  {
    name: 'config show',
    summary: 'Print the whole configuration as it would be in force, passwords masked.',
    about: ['Defaults, file and environment are merged; what "serve" gets by flags is not in it.'],
    flags: CONFIG_FLAG,
    examples: [
      { command: 'config show', does: 'All defaults: a good start for a file of your own' },
      {
        command: 'config show --config config/sample_config.json',
        does: 'A file with its defaults filled in',
      },
    ],
    run(words) {
      printJson(masked(CONFIG, configOf(words)));
      return 0;
    },
  },
  {
    name: 'config schema',
    summary: 'Print the JSON Schema of the configuration: every key, its default and what it does.',
    about: [
      'Keys marked "x-live" are applied by SIGHUP without a restart. Editors that know JSON Schema complete and check a configuration file with it.',
    ],
    flags: {},
    examples: [{ command: 'config schema > config.schema.json', does: 'For your editor' }],
    run() {
      printJson({ $schema: 'http://json-schema.org/draft-07/schema#', ...forFiles(CONFIG.schema) });
      return 0;
    },
  },
];
