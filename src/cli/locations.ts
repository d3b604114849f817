/** The flags that say where configuration and data are: the same for every command that needs them. */
import { resolve } from 'node:path';
import { processVariables } from '@/platform/config/environment.ts';
import { acceptedConfig, type ExaminedConfig, examineConfig } from '@/platform/config/load.ts';
import type { ConfigFlags } from '@/platform/config/overrides.ts';
import type { Config } from '@/platform/config/schema.ts';
import { CONFIG } from '@/server/composition.ts';
import type { Flag, Words } from './command.ts';

export const CONFIG_FLAG: Readonly<Record<string, Flag>> = {
  config: { value: 'FILE', help: 'Configuration file (JSON); without it the defaults stand.' },
};

/** Keys of the configuration that `serve` takes as flags. */
export const VALUE_FLAGS: Readonly<Record<string, Flag>> = {
  host: { value: 'H', help: 'Address to listen on (server.host, 127.0.0.1 unless configured).' },
  port: { value: 'N', help: 'Port to listen on (server.port, 8000 unless configured).' },
  workers: { value: 'N', help: 'Worker processes (server.workers, 4 unless configured).' },
  role: { value: 'all|api|runner', help: 'Serve the API, carry out runs, or both (server.role).' },
};

export const DATA_FLAG: Readonly<Record<string, Flag>> = {
  'data-dir': { value: 'DIR', help: 'Data folder of the server (./data unless given).' },
};

export const JSON_FLAG: Readonly<Record<string, Flag>> = {
  json: { help: 'Print JSON instead of text.' },
};

/** Absolute path of the data folder. */
export const dataFolderOf = (words: Words): string => resolve(words.text('data-dir') ?? 'data');

/** What was given of `VALUE_FLAGS`. */
export const valueFlagsOf = (words: Words): ConfigFlags => ({
  host: words.text('host'),
  port: words.text('port'),
  workers: words.text('workers'),
  role: words.text('role'),
});

/** The configuration that file, environment and `flags` make, good or bad. */
export const examinedConfigOf = (words: Words, flags: ConfigFlags = {}): ExaminedConfig =>
  examineConfig(CONFIG, { file: words.text('config'), env: processVariables(), flags });

/** Throws CommandFailure (exit 2). */
export const configOf = (words: Words): Config => acceptedConfig(examinedConfigOf(words));
