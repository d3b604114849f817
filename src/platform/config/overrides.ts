/** Values that stand above the configuration file: `AO_<SECTION>__<KEY>` and DATABASE_URL, and flags. */

import type { TSchema } from '@sinclair/typebox';
import { nearest } from '@/platform/errors/suggestion.ts';
import { pointerTo } from '@/platform/json/pointer.ts';
import type { Finding } from './finding.ts';
import { JsonMistake, parseJson } from './json_text.ts';
import { type ConfigSchema, knownKeys, schemaOfKey } from './schema.ts';
import {
  JWT_SECRETS,
  keyOf,
  OTHER_SECRETS,
  type ReadVariables,
  secretVariables,
  variableOf,
} from './variables.ts';

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
  readonly findings: readonly Finding[];
}

const accepts = (schema: TSchema, fits: (schema: TSchema) => boolean): boolean =>
  fits(schema) || (schema.anyOf as TSchema[] | undefined)?.some((option) => accepts(option, fits)) === true;

const takesText = (schema: TSchema): boolean =>
  accepts(schema, ({ type, const: word }) => type === 'string' || typeof word === 'string');
const isListOfTexts = (schema: TSchema): boolean =>
  schema.type === 'array' && takesText(schema.items as TSchema);
const isStructured = (schema: TSchema): boolean =>
  accepts(schema, ({ type }) => type === 'array' || type === 'object');

/** How a list or an object is written in a variable; null for keys that are neither. */
export function exampleFor(variable: string, schema: TSchema): string | null {
  const [example] = (schema.examples as unknown[] | undefined) ?? [];
  if (!isStructured(schema) || example === undefined) return null;
  return isListOfTexts(schema)
    ? `${variable}=${(example as string[]).join(',')}`
    : `${variable}='${JSON.stringify(example)}'`;
}

/** A value as typed outside a file: JSON, a plain word where the key wants text, or a list of texts with commas. */
function fromText(text: string, schema: TSchema): unknown {
  if (isListOfTexts(schema) && !/^\s*(\[|\{|"|null\s*$)/.test(text)) {
    return text.split(',').flatMap((entry) => entry.trim() || []);
  }
  const isJson = !takesText(schema) || text === 'null' || text.startsWith('"');
  if (!isJson) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What is wrong with a text that was meant as JSON; null when nothing is, and when it was not. */
function jsonFault(text: string, schema: TSchema): string | null {
  if (!isStructured(schema) || !/^\s*[[{]/.test(text)) return null;
  try {
    parseJson(text);
    return null;
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    return `not valid JSON (column ${error.place.column}): ${error.message}`;
  }
}

const collapsed = (name: string): string => name.toUpperCase().replace(/_+/g, '_');

const withFiles = (names: readonly string[]): string[] => [...names, ...names.map((name) => `${name}_FILE`)];

/** What a variable that is nearly ours was meant to be; null for what may well be somebody else's. */
function meant(config: ConfigSchema, name: string): string | null {
  const jwt = withFiles(JWT_SECRETS);
  const others = withFiles(OTHER_SECRETS);
  if (jwt.includes(name.replace(/^AO_/, ''))) return name.startsWith('AO_') ? name.slice(3) : null;
  if (name.startsWith('JW')) {
    const [, word = name, suffix = ''] = /^(.*?)(_FILE)?$/.exec(name) ?? [];
    const likely = nearest(word, JWT_SECRETS);
    return likely !== null && Math.abs(likely.length - word.length) <= 1 ? `${likely}${suffix}` : null;
  }
  if (!name.startsWith('AO_') || keyOf(name) || others.includes(name)) return null;
  const key = [...knownKeys(config).map(variableOf), ...withFiles(secretVariables(config))].find(
    (known) => collapsed(known) === collapsed(name),
  );
  return key ?? nearest(name, others);
}

/** Whoever writes "prod" wants the strictness of production, and would not get it. */
const nearlyProduction = (mode: string): boolean =>
  mode !== 'production' &&
  (mode === 'prod' || (Math.abs(mode.length - 10) < 3 && nearest(mode, ['production']) !== null));

function modeFindings(mode: string | undefined): Finding[] {
  const word = mode?.toLowerCase() ?? '';
  if (nearlyProduction(word)) {
    return [
      { level: 'error', where: 'AO_ENV', message: `"${mode}" means nothing; did you mean production?` },
    ];
  }
  if (['', 'production', 'development'].includes(word)) return [];
  const message = `"${mode}" counts as development: the strict checks of production do not apply`;
  return [{ level: 'note', where: 'AO_ENV', message }];
}

/** What is to be said of a variable that sets no key. */
function strange(config: ConfigSchema, name: string): Finding | null {
  const likely = meant(config, name);
  if (likely) {
    return { level: 'error', message: `${name} is no variable of this program; did you mean ${likely}?` };
  }
  const known = ['AO_ENV', ...withFiles(OTHER_SECRETS)].includes(name);
  if (!name.startsWith('AO_') || known || keyOf(name)) return null;
  return { level: 'note', message: `${name} is not a variable of this program: it has no effect` };
}

function unknownKey(config: ConfigSchema, name: string, [section, key]: readonly [string, string]): Finding {
  const plain = key.replace(/_file$/, '');
  if (plain !== key && schemaOfKey(config, section, plain)) {
    const instead = variableOf(`${section}.${plain}`);
    const message = `only secrets can be read from a file, and ${section}.${plain} is not one: set ${instead} instead`;
    return { level: 'error', where: name, message };
  }
  const likely = nearest(name, [...knownKeys(config).map(variableOf), ...withFiles(secretVariables(config))]);
  const message = `${section}.${key} is not a known key${likely ? `; did you mean ${likely}?` : ''}`;
  return { level: 'error', where: name, message };
}

/** What the environment says, and what of it is a mistake. An empty variable changes nothing: give `""` for an empty text. */
export function fromVariables(
  config: ConfigSchema,
  { values: variables, files }: Pick<ReadVariables, 'values' | 'files'>,
): Overrides {
  const values: Override[] = [];
  const findings = modeFindings(variables.AO_ENV);
  const originOf = (name: string): string => files.get(name) ?? name;
  const url = variables.DATABASE_URL;
  if (url) values.push({ section: 'database', key: 'url', value: url, origin: originOf('DATABASE_URL') });
  for (const [name, text] of Object.entries(variables).sort()) {
    if (!text) continue;
    const path = keyOf(name);
    if (!path) {
      const finding = strange(config, name);
      if (finding) findings.push(finding);
      continue;
    }
    const [section, key] = path;
    const schema = schemaOfKey(config, section, key);
    if (!schema) {
      findings.push(unknownKey(config, name, path));
      continue;
    }
    const fault = jsonFault(text, schema);
    if (fault) {
      const example = exampleFor(name, schema);
      const message = `${section}.${key}: ${fault}${example ? `; for example ${example}` : ''}`;
      findings.push({
        level: 'error',
        where: name,
        pointer: pointerTo(pointerTo('', section), key),
        message,
      });
      continue;
    }
    // The content of a file is the secret itself, whatever it looks like.
    const value = files.has(name) ? text : fromText(text, schema);
    values.push({ section, key, value, origin: originOf(name) });
  }
  return { values, findings };
}

export function fromFlags(config: ConfigSchema, flags: ConfigFlags): Override[] {
  return (['host', 'port', 'workers', 'role'] as const).flatMap((key) => {
    const text = flags[key];
    if (text === undefined) return [];
    const schema = schemaOfKey(config, 'server', key);
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
