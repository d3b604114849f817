/** Values that stand above the configuration file: `AO_<SECTION>__<KEY>` and DATABASE_URL, and flags. */

import type { TSchema } from '@sinclair/typebox';
import { nearest } from '@/platform/errors/suggestion.ts';
import { pointerTo } from '@/platform/json/pointer.ts';
import type { Variables } from './environment.ts';
import { type ConfigSchema, knownKeys } from './schema.ts';

/** Flags of the command line that are configuration, as they were typed. */
export interface ConfigFlags {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly workers?: string | undefined;
  readonly role?: string | undefined;
}

export interface Override {
  readonly section: string;
  readonly key: string;
  readonly value: unknown;
  /** The variable or flag it comes from. */
  readonly origin: string;
}

export interface Overrides {
  readonly values: readonly Override[];
  readonly problems: readonly string[];
}

const schemaOf = (config: ConfigSchema, section: string, key: string): TSchema | undefined => {
  const properties = config.sections.find(({ name }) => name === section)?.schema.properties;
  return properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
};

const takesText = (schema: TSchema): boolean =>
  schema.type === 'string' ||
  typeof schema.const === 'string' ||
  (schema.anyOf as TSchema[] | undefined)?.some(takesText) === true;

/** A value as typed outside a file: JSON, or a plain word where the key wants text. */
function fromText(text: string, schema: TSchema): unknown {
  const isJson = !takesText(schema) || text === 'null' || text.startsWith('"');
  if (!isJson) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const VARIABLE = /^AO_([A-Za-z0-9_]*?)__(.+)$/;
/** Variables of ours that are no configuration keys; a secret under a misspelt name would silently be made up instead. */
const SECRETS = ['AO_ADMIN_PASSWORD', 'AO_ENCRYPTION_KEY'];
const variableOf = (key: string): string => `AO_${key.replace('.', '__').toUpperCase()}`;

const collapsed = (name: string): string => name.toUpperCase().replace(/_+/g, '_');

/** Those without our prefix. */
const JWT_SECRETS = ['JWT_SECRET', 'JWT_SECRET_PREVIOUS'];

/** What a variable that is nearly ours was meant to be; null for what may well be somebody else's. */
function meant(config: ConfigSchema, name: string): string | null {
  if (JWT_SECRETS.includes(name.replace(/^AO_/, ''))) return name.startsWith('AO_') ? name.slice(3) : null;
  if (name.startsWith('JW')) {
    const likely = nearest(name, JWT_SECRETS);
    return likely !== null && Math.abs(likely.length - name.length) <= 1 ? likely : null;
  }
  if (!name.startsWith('AO_') || VARIABLE.test(name) || SECRETS.includes(name)) return null;
  const key = knownKeys(config)
    .map(variableOf)
    .find((known) => collapsed(known) === collapsed(name));
  return key ?? nearest(name, SECRETS);
}

/** Whoever writes "prod" wants the strictness of production, and would not get it. */
const nearlyProduction = (mode: string): boolean =>
  mode !== 'production' &&
  (mode === 'prod' || (Math.abs(mode.length - 10) < 3 && nearest(mode, ['production']) !== null));

/** An empty variable changes nothing: give `""` in quotes for an empty text. */
export function fromVariables(config: ConfigSchema, variables: Variables): Overrides {
  const values: Override[] = [];
  const problems: string[] = [];
  const url = variables.DATABASE_URL;
  if (url) values.push({ section: 'database', key: 'url', value: url, origin: 'DATABASE_URL' });
  if (nearlyProduction(variables.AO_ENV?.toLowerCase() ?? '')) {
    problems.push(`AO_ENV: "${variables.AO_ENV}" means nothing; did you mean production?`);
  }
  for (const [name, text] of Object.entries(variables).sort()) {
    const likely = text ? meant(config, name) : null;
    if (likely) problems.push(`${name} is no variable of this program; did you mean ${likely}?`);
    const [, section = '', key = ''] = VARIABLE.exec(name)?.map((part) => part.toLowerCase()) ?? [];
    if (!key || !text) continue;
    const schema = schemaOf(config, section, key);
    if (schema) {
      values.push({ section, key, value: fromText(text, schema), origin: name });
    } else {
      const likely = nearest(name, knownKeys(config).map(variableOf));
      problems.push(
        `${name}: ${section}.${key} is not a known key${likely ? `; did you mean ${likely}?` : ''}`,
      );
    }
  }
  return { values, problems };
}

export function fromFlags(config: ConfigSchema, flags: ConfigFlags): Override[] {
  return (['host', 'port', 'workers', 'role'] as const).flatMap((key) => {
    const text = flags[key];
    if (text === undefined) return [];
    const schema = schemaOf(config, 'server', key);
    return schema ? [{ section: 'server', key, value: fromText(text, schema), origin: `--${key}` }] : [];
  });
}

/** Lays the overrides over what the file says; what cannot hold them is left for the schema to refuse. */
export function applyOverrides(
  fileValue: unknown,
  overrides: readonly Override[],
): { value: unknown; origins: Map<string, string> } {
  const origins = new Map<string, string>();
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject(fileValue)) return { value: fileValue, origins };
  let value = fileValue;
  for (const { section, key, value: given, origin } of overrides) {
    const before = value[section] ?? {};
    if (!isObject(before)) continue;
    value = { ...value, [section]: { ...before, [key]: given } };
    origins.set(pointerTo(pointerTo('', section), key), origin);
  }
  return { value, origins };
}
