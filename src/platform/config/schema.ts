/**
 * The configuration as a whole: sections of the platform and of every feature, which adds its own to `Config` by
 * declaration merging and to the schema through its module. `{}` is a complete file.
 */
import { type TObject, type TSchema, Type } from '@sinclair/typebox';
import type { Finding } from './finding.ts';
import { secrecyOf } from './section.ts';

export interface Config {}

/** The configuration as it is now: SIGHUP replaces `current`. Read it at the time of use, never keep a copy. */
export interface LiveConfig {
  readonly current: Config;
}

/** Something that is wrong with a configuration. */
export interface ConfigProblem {
  /** JSON pointer into the configuration. */
  readonly pointer: string;
  readonly message: string;
}

export interface ConfigSection {
  readonly name: keyof Config;
  readonly schema: TObject;
  /** What the schema cannot say: values that fit by themselves and still cannot work. */
  readonly problems?: (config: Config) => readonly ConfigProblem[];
  /** What works and is still worth a word before the server starts. */
  readonly remarks?: (config: Config) => readonly Finding[];
}

/** What a configuration is held against. */
export interface ConfigSchema {
  readonly schema: TObject;
  readonly sections: readonly ConfigSection[];
}

/** One schema of all sections, in this order. Throws when two have one name. */
export function composeConfig(sections: readonly ConfigSection[]): ConfigSchema {
  const names = sections.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two sections of the configuration are called ${twice}`);
  const properties = Object.fromEntries(sections.map(({ name, schema }) => [name, schema]));
  const options = { additionalProperties: false, title: 'Automation Orchestrator configuration' };
  return { schema: Type.Object(properties, options), sections };
}

/** Every `section.key` there is. */
export const knownKeys = ({ sections }: ConfigSchema): string[] =>
  sections.flatMap(({ name, schema }) => Object.keys(schema.properties).map((key) => `${name}.${key}`));

/** The schema of `section.key`; undefined when there is no such key. */
export function schemaOfKey({ sections }: ConfigSchema, section: string, key: string): TSchema | undefined {
  const properties = sections.find(({ name }) => name === section)?.schema.properties;
  return properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** Every `section.key` that holds a secret. */
export const secretKeys = ({ sections }: ConfigSchema): string[] =>
  sections.flatMap(({ name, schema: { properties } }) =>
    Object.keys(properties).flatMap((key) => (secrecyOf(properties[key]) ? [`${name}.${key}`] : [])),
  );
