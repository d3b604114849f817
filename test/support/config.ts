/** The configuration of tests: the defaults, with some keys of some sections replaced. */
import { Value } from '@sinclair/typebox/value';
import type { Config } from '@/platform/config/schema.ts';
import { CONFIG } from '@/server/composition.ts';

export type Overrides = { readonly [S in keyof Config]?: Partial<Config[S]> };

export function testConfig(overrides: Overrides = {}): Config {
  const config = Value.Default(CONFIG.schema, {}) as Config;
  for (const [section, keys] of Object.entries(overrides))
    Object.assign(config[section as keyof Config], keys);
  return config;
}
