/**
 * The configuration of a process: defaults < file < environment < flags. What is wrong with it is told all at once,
 * each problem with its place: line and column of the file, the variable, or the flag.
 */
import { readFileSync } from 'node:fs';
import { Value } from '@sinclair/typebox/value';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import { pointerSegments } from '@/platform/json/pointer.ts';
import { type Environment, readEnvironment, type Variables } from './environment.ts';
import { type Finding, isError, sentence } from './finding.ts';
import { JsonMistake, type Place, parseJson } from './json_text.ts';
import { applyOverrides, type ConfigFlags, exampleFor, fromFlags, fromVariables } from './overrides.ts';
import { dotted, schemaProblems } from './problems.ts';
import { type Config, type ConfigProblem, type ConfigSchema, schemaOfKey } from './schema.ts';
import { readVariables } from './variables.ts';

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

/** A configuration as it was found, good or bad. */
export interface ExaminedConfig {
  /** With errors among the findings, it holds defaults in the place of what is wrong. */
  readonly config: Config;
  readonly environment: Environment;
  readonly findings: readonly Finding[];
  /** Of what others have found in `config`: what stands, each with its place. */
  confirmed(findings: readonly Finding[]): Finding[];
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

const NOTHING: FileContent = { value: {}, places: new Map() };

function readFile(file: string): FileContent | Finding {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const message = `the configuration file ${file} cannot be read: ${messageOf(error)}`;
    return { level: 'error', message };
  }
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    const { line, column } = error.place;
    return { level: 'error', where: `${file}:${line}:${column}`, message: error.message };
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

type Sections = Record<string, Record<string, unknown>>;
const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * `value` with the defaults filled in. TypeBox pours a list into a default object, and an object into a default list, as
 * if nothing were wrong: those are put back for the schema to refuse.
 */
function withDefaults(config: ConfigSchema, value: unknown): unknown {
  const filled: unknown = Value.Default(config.schema, Value.Clone(value));
  const putBack = (given: unknown, into: unknown): void => {
    if (!isSection(given) || !isSection(into)) return;
    for (const [key, each] of Object.entries(given)) {
      const isOtherKind =
        typeof each === 'object' && each !== null && isSection(each) !== isSection(into[key]);
      if (isOtherKind) into[key] = each;
      else putBack(each, into[key]);
    }
  };
  putBack(value, filled);
  return filled;
}

/** `candidate` with defaults in the place of what the schema refuses, so that the rest can be looked at as well. */
function repaired(config: ConfigSchema, candidate: unknown, problems: readonly ConfigProblem[]): Config {
  const sections = isSection(candidate) ? (Value.Clone(candidate) as Sections) : {};
  for (const [section = '', key] of problems.map(({ pointer }) => pointerSegments(pointer))) {
    const keys = sections[section];
    if (key !== undefined && isSection(keys)) delete keys[key];
    else delete sections[section];
  }
  const rest = Value.Default(config.schema, sections);
  return (Value.Check(config.schema, rest) ? rest : Value.Default(config.schema, {})) as Config;
}

/** What is wrong with a list or an object in a variable is told with an example of how to write it. */
function withExample(config: ConfigSchema, problem: ConfigProblem, origin: string | undefined): string {
  const [section = '', key = ''] = pointerSegments(problem.pointer);
  const schema = origin?.startsWith('AO_') ? schemaOfKey(config, section, key) : undefined;
  const example = origin && schema ? exampleFor(origin, schema) : null;
  return example ? `${problem.message}; for example ${example}` : problem.message;
}

/** Everything that is known of a configuration without a look at the machine. Never throws. */
export function examineConfig(
  config: ConfigSchema,
  { file, env, flags = {} }: ConfigSources,
): ExaminedConfig {
  const read = file === undefined ? NOTHING : readFile(file);
  const content = 'level' in read ? NOTHING : read;
  const variables = readVariables(config, env);
  const fromEnvironment = fromVariables(config, variables);
  const overrides = [...fromEnvironment.values, ...fromFlags(config, flags)];
  const { value, origins } = applyOverrides(content.value, overrides);

  const candidate = withDefaults(config, value);
  const unfit = schemaProblems(config, candidate);
  const examined = unfit.length > 0 ? repaired(config, candidate, unfit) : (candidate as Config);
  /** What `examined` does not hold as it was meant; a whole section ends with a point. */
  const unsure = [...unfit, ...fromEnvironment.findings].flatMap(({ pointer }) => {
    const [section, key] = pointerSegments(pointer ?? '');
    return section === undefined ? [] : [`${section}.${key ?? ''}`];
  });
  unsure.push(...variables.unread.map((name) => `${name} `));
  if ('level' in read) unsure.push(...config.sections.map(({ name }) => `${name}.`));

  const placed = (finding: Finding): Finding => {
    const { pointer } = finding;
    if (pointer === undefined || finding.where !== undefined) return finding;
    const place = nearestKnown(pointer, content.places);
    const where = nearestKnown(pointer, origins) ?? (place && `${file}:${place.line}:${place.column}`);
    return where === undefined ? finding : { ...finding, where };
  };
  const confirmed = (findings: readonly Finding[]): Finding[] =>
    findings
      .filter(({ pointer, message }) => {
        const key = pointer === undefined ? '' : dotted(pointer);
        return !unsure.some((each) => key.startsWith(each) || message.includes(each));
      })
      .map(placed);

  const misfits = unfit.map((problem): Finding => {
    const { where = file, ...finding } = placed({ level: 'error', ...problem });
    const message = withExample(config, problem, nearestKnown(problem.pointer, origins));
    return { ...finding, message, ...(where === undefined ? {} : { where }) };
  });
  const unsound = config.sections
    .flatMap(({ problems }) => problems?.(examined) ?? [])
    .map((problem): Finding => ({ level: 'error', ...problem }));
  return {
    config: examined,
    environment: readEnvironment(variables.values),
    findings: [
      ...('level' in read ? [read] : []),
      ...misfits,
      ...confirmed(unsound),
      ...variables.findings,
      ...fromEnvironment.findings,
    ],
    confirmed,
  };
}

/** The configuration that was examined. Throws ConfigRefused for one with errors. */
export function acceptedConfig({ config, findings }: ExaminedConfig): Config {
  const errors = findings.filter(isError);
  if (errors.length === 0) return config;
  const keys = errors.flatMap(({ pointer }) => (pointer === undefined ? [] : [dotted(pointer)]));
  throw new ConfigRefused(errors.map(sentence), keys);
}

/** Throws ConfigRefused. */
export const loadConfig = (config: ConfigSchema, sources: ConfigSources): Config =>
  acceptedConfig(examineConfig(config, sources));

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
