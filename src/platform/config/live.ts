/** The one mutable cell that holds the configuration of a process: replaced whole, never changed in part. */
import type { Config, LiveConfig } from './schema.ts';

export interface ReplaceableConfig extends LiveConfig {
  replace(config: Config): void;
}

export function liveConfig(initial: Config): ReplaceableConfig {
  let current = initial;
  return {
    get current() {
      return current;
    },
    replace: (config) => {
      current = config;
    },
  };
}
