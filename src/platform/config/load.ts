/**
 * The configuration of a process: defaults < file < environment < flags. What is wrong with it is told all at once,
 * each problem with its place: line and column of the file, the variable, or the flag.
 */
import { readFileSync } from 'node:fs';
import { Value } from '@sinclair/typebox/value';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import type { Variables } from './environment.ts';
import { JsonMistake, type Place, parseJson } from './json_text.ts';
import { applyOverrides, type ConfigFlags, fromFlags, fromVariables } from './overrides.ts';
import { dotted, schemaProblems } from './problems.ts';
import type { Config, ConfigProblem, ConfigSchema } from './schema.ts';

export interface ConfigSources {
  /** Path of a JSON file; without one the defaults stand. */
  readonly file?: string | undefined;
  readonly env: Variables;
  readonly flags?: ConfigFlags | undefined;
}

interface FileContent {
  readonly value: unknown;
  readonly places: ReadonlyMap<string, Place>;
}

/** A configuration that is refused, with everything that is wrong with it (exit 2). */
export class ConfigRefused extends CommandFailure {
  constructor(
    problems: readonly string[],
    /** The keys with a problem, as `section.key`; none for a file that is no JSON. */
    readonly keys: readonly string[] = [],
  ) {
    super(
      problems.length === 1
        ? `the configuration is not valid: ${problems[0]}`
        : `the configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
      2,
    );
  }
}

function readFile(file: string): FileContent {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandFailure(`the configuration file ${file} cannot be read: ${messageOf(error)}`, 2);
  }
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    throw new ConfigRefused([`${file}:${error.place.line}:${error.place.column}: ${error.message}`]);
  }
}

/** The nearest ancestor of `pointer` that `lookup` knows. */
function nearestKnown<T>(pointer: string, lookup: ReadonlyMap<string, T>): T | undefined {
  for (let path = pointer; path !== ''; path = path.slice(0, path.lastIndexOf('/'))) {
    const found = lookup.get(path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Throws ConfigRefused, or CommandFailure (exit 2) when the file cannot be read. */
export function loadConfig(config: ConfigSchema, { file, env, flags = {} }: ConfigSources): Config {
  const content: FileContent = file === undefined ? { value: {}, places: new Map() } : readFile(file);
  const variables = fromVariables(config, env);
  const overrides = [...variables.values, ...fromFlags(config, flags)];
  const { value, origins } = applyOverrides(content.value, overrides);
  const located = ({ pointer, message }: ConfigProblem): string => {
    const origin = nearestKnown(pointer, origins);
    if (origin) return `${origin}: ${message}`;
    const place = nearestKnown(pointer, content.places);
    if (file === undefined) return message;
    return place ? `${file}:${place.line}:${place.column}: ${message}` : `${file}: ${message}`;
  };

  const candidate = Value.Default(config.schema, Value.Clone(value));
  const refuse = (problems: readonly ConfigProblem[], others: readonly string[] = []): void => {
    if (problems.length + others.length === 0) return;
    const keys = problems.map(({ pointer }) => dotted(pointer));
    throw new ConfigRefused([...problems.map(located), ...others], keys);
  };
  refuse(schemaProblems(config, candidate), variables.problems);
  const loaded = candidate as Config;
  refuse(config.sections.flatMap(({ problems }) => problems?.(loaded) ?? []));
  return loaded;
}

/** The same configuration with passwords replaced, to be shown to people. */
export function masked(config: Config): Config {
  return {
    ...config,
    redis: { ...config.redis, password: config.redis.password === null ? null : '[masked]' },
    database: { ...config.database, url: maskedUrl(config.database.url) },
  };
}

/** A database URL without its password, wherever in it that stands. */
export function maskedUrl(url: string): string {
  if (url.startsWith('sqlite:')) return url;
  try {
    const parsed = new URL(url);
    if (parsed.password) parsed.password = '[masked]';
    for (const name of parsed.searchParams.keys()) {
      if (/pass|secret|key/i.test(name)) parsed.searchParams.set(name, '[masked]');
    }
    return decodeURI(parsed.href).replaceAll('%5B', '[').replaceAll('%5D', ']');
  } catch {
    return '[masked]';
  }
}

/** Which keys differ, as `section.key`: those that can change while running, and those that need a restart. */
export function changedKeys(
  { sections }: ConfigSchema,
  before: Config,
  after: Config,
): { live: string[]; restart: string[] } {
  const live: string[] = [];
  const restart: string[] = [];
  for (const {
    name: section,
    schema: { properties },
  } of sections) {
    const old: Record<string, unknown> = before[section];
    const now: Record<string, unknown> = after[section];
    for (const [key, schema] of Object.entries(properties)) {
      if (Bun.deepEquals(old[key], now[key])) continue;
      (schema['x-live'] ? live : restart).push(`${section}.${key}`);
    }
  }
  return { live, restart };
}
