/** The configuration as it may be shown to people: without its secrets. */
import type { Config, ConfigSchema } from './schema.ts';
import { secrecyOf } from './section.ts';

const MASK = '[masked]';

/** The same configuration with what is marked as secret replaced. */
export function masked({ sections }: ConfigSchema, config: Config): Config {
  const shown = (secrecy: 'value' | 'url', value: unknown): unknown => {
    if (value === null) return null;
    return secrecy === 'url' ? maskedUrl(String(value)) : MASK;
  };
  const entries = sections.map(({ name, schema }) => {
    const keys = Object.entries(config[name]).map(([key, value]) => {
      const secrecy = secrecyOf(schema.properties[key]);
      return [key, secrecy ? shown(secrecy, value) : value];
    });
    return [name, Object.fromEntries(keys)];
  });
  return { ...config, ...Object.fromEntries(entries) };
}

/** A database URL without its password, wherever in it that stands. */
export function maskedUrl(url: string): string {
  if (url.startsWith('sqlite:')) return url;
  try {
    const parsed = new URL(url);
    if (parsed.password) parsed.password = MASK;
    for (const name of parsed.searchParams.keys()) {
      if (/pass|secret|key/i.test(name)) parsed.searchParams.set(name, MASK);
    }
    return decodeURI(parsed.href).replaceAll('%5B', '[').replaceAll('%5D', ']');
  } catch {
    return MASK;
  }
}
