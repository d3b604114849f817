/**
 * What is wrong with a configuration, in words that say where it stands and what would be right. Every problem is
 * found at once, so that nobody has to mend a file one start at a time.
 */

import type { TSchema } from '@sinclair/typebox';
import { type ValueError, ValueErrorType } from '@sinclair/typebox/errors';
import { Value } from '@sinclair/typebox/value';
import { nearest } from '@/platform/errors/suggestion.ts';
import { pointerSegments } from '@/platform/json/pointer.ts';
import type { ConfigProblem } from './schema.ts';
import { type ConfigSchema, knownKeys, secretKeys } from './schema.ts';

export const dotted = (pointer: string): string => pointerSegments(pointer).join('.');

const range = (schema: TSchema, kind: string): string => {
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `${kind} from ${minimum} to ${maximum}`;
  return minimum === undefined ? kind : `${kind} of at least ${minimum}`;
};

/** A description as part of a sentence. */
const phrase = (schema: TSchema): string => (schema.description ?? '').replace(/\.$/, '');

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** What a value of this schema looks like, in words. */
export function expectation(schema: TSchema): string {
  const options = schema.anyOf as TSchema[] | undefined;
  if (options?.every((option) => 'const' in option)) {
    return `one of ${options.map((option) => JSON.stringify(option.const)).join(', ')}`;
  }
  if (options) return options.map(expectation).join(' or ');
  switch (schema.type) {
    case 'integer':
      return range(schema, 'a whole number');
    case 'number':
      return range(schema, 'a number');
    case 'boolean':
      return 'true or false';
    case 'string':
      if (schema.pattern) return lowerFirst(phrase(schema)) || `text that fits ${schema.pattern}`;
      return schema.minLength ? 'a text that is not empty' : 'a text in quotes';
    case 'array':
      return 'a list in [ ]';
    case 'null':
      return 'null';
    default:
      return 'a section in { }';
  }
}

/**
 * A wrong value, as far as it may be shown: a refusal goes to terminals and logs. What stands in the wrong place may
 * be a secret (a URL with a password where a section should be), so only what cannot be one is repeated.
 */
function shown(config: ConfigSchema, key: string, value: unknown, expected: TSchema): string {
  if (secretKeys(config).some((secret) => key === secret || key.startsWith(`${secret}.`))) {
    return 'the value that was given';
  }
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a section';
  if (typeof value !== 'string') return String(value);
  if (['object', 'array'].includes(expected.type) || /[@/]/.test(value)) return 'a text';
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}

/** What the unknown key was probably meant to be: a sibling, else the same word in another section. */
export function likelyKey(config: ConfigSchema, key: string, siblings: readonly string[]): string | null {
  const parts = key.split('.');
  const name = parts.pop() ?? '';
  const sibling = nearest(name, siblings);
  if (sibling) return [...parts, sibling].join('.');
  return knownKeys(config).find((known) => known.split('.')[1] === name) ?? null;
}

function unknownKey(config: ConfigSchema, key: string, siblings: readonly string[]): string {
  const likely = likelyKey(config, key, siblings);
  return `${key} is not a known key${likely ? `; did you mean ${likely}?` : ''}`;
}

function describe(config: ConfigSchema, error: ValueError): string {
  const key = dotted(error.path);
  if (error.type === ValueErrorType.ObjectAdditionalProperties) {
    const { properties, patternProperties } = error.schema as TSchema;
    if (patternProperties) return `${key} does not fit: ${phrase(error.schema)}`;
    return unknownKey(config, key, Object.keys(properties ?? {}));
  }
  if (error.type === ValueErrorType.ObjectRequiredProperty) return `${key} is missing`;
  if (key === '')
    return `a configuration is an object in { }, not ${shown(config, key, error.value, error.schema)}`;
  return `${key} must be ${expectation(error.schema)}, not ${shown(config, key, error.value, error.schema)}`;
}

/** Where `candidate`, with the defaults filled in, differs from the schema. At most one problem for a place. */
export function schemaProblems(config: ConfigSchema, candidate: unknown): ConfigProblem[] {
  const found = new Map<string, ConfigProblem>();
  for (const error of Value.Errors(config.schema, candidate)) {
    if (!found.has(error.path))
      found.set(error.path, { pointer: error.path, message: describe(config, error) });
  }
  return [...found.values()];
}
