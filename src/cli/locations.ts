/** The flags that say where configuration and data are: the same for every command that needs them. */
import { resolve } from 'node:path';
import { processVariables } from '@/platform/config/environment.ts';
import { loadConfig } from '@/platform/config/load.ts';
import type { Config } from '@/platform/config/schema.ts';
import { CONFIG } from '@/server/composition.ts';
import type { Flag, Words } from './command.ts';

export const CONFIG_FLAG: Readonly<Record<string, Flag>> = {
  config: { value: 'FILE', help: 'Configuration file (JSON); without it the defaults stand.' },
};

export const DATA_FLAG: Readonly<Record<string, Flag>> = {
  'data-dir': { value: 'DIR', help: 'Data folder of the server (./data unless given).' },
};

export const JSON_FLAG: Readonly<Record<string, Flag>> = {
  json: { help: 'Print JSON instead of text.' },
};

/** Absolute path of the data folder. */
export const dataFolderOf = (words: Words): string => resolve(words.text('data-dir') ?? 'data');

/** Throws CommandFailure (exit 2). */
export const configOf = (words: Words): Config =>
  loadConfig(CONFIG, { file: words.text('config'), env: processVariables() });
