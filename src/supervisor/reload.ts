/**
 * SIGHUP: the configuration read again. A bad one is refused and changes nothing. Of a good one, what can change while
 * running does; the rest keeps its running value, and the log says which keys wait for a restart.
 */
import { changedKeys } from '@/platform/config/load.ts';
import type { Config, ConfigSchema } from '@/platform/config/schema.ts';

export interface Reloaded {
  /** What runs from now on. */
  readonly config: Config;
  /** Keys that changed now, as `section.key`. */
  readonly applied: readonly string[];
  /** Keys whose new value waits for a restart. */
  readonly needRestart: readonly string[];
}

/** Puts the running value of one key in the place of the new one. */
function keepRunning(config: Config, running: Config, path: string): Config {
  const [section, key] = path.split('.', 2) as [keyof Config, string];
  const kept = (running[section] as Record<string, unknown>)[key];
  return { ...config, [section]: { ...config[section], [key]: kept } };
}

/** The configuration that results from `wanted` while `running` runs. */
export function mergeReloaded(schema: ConfigSchema, running: Config, wanted: Config): Reloaded {
  // Port 0 asks for any free port: the running one is as good an answer as it was.
  const comparable =
    wanted.server.port === 0
      ? { ...wanted, server: { ...wanted.server, port: running.server.port } }
      : wanted;
  const { live, restart } = changedKeys(schema, running, comparable);
  const config = restart.reduce((merged, path) => keepRunning(merged, running, path), comparable);
  return { config, applied: live, needRestart: restart };
}
