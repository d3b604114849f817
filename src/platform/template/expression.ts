/** One text with templates: parsed and checked once, then filled in as often as needed. */
import {
  Filter,
  type FilterImplOptions,
  Output,
  type Template as Part,
  Tokenizer,
  TypeGuards,
  toValue,
  toValueSync,
  type Value,
} from 'liquidjs';
import { coalescing } from './coalescing.ts';
import { ENCODINGS, type Printed } from './encodings.ts';
import { contextFor, engine, KNOWN } from './engine.ts';
import { parseProblem, renderFailure } from './failure.ts';
import { inspect } from './inspect.ts';
import { Writer, writerOf } from './writer.ts';

/** What templates can read, by name. */
export type Scope = Readonly<Record<string, unknown>>;

export interface Source {
  /** Names that must be in the scope. */
  readonly reads: ReadonlySet<string>;
  /** It has no templates at all. */
  readonly fixed: boolean;
  /** It is exactly one expression, so it can be any value. */
  readonly alone: boolean;
  /** The one expression ends with `| raw`. */
  readonly raw: boolean;
  /** Throws RenderError. */
  text(scope: Scope): string;
  /** The value of the one expression, with its type. Throws RenderError. */
  value(scope: Scope): unknown;
}

interface Checks {
  /** Says what is wrong with a path; null when it is fine. */
  readonly check: (path: readonly string[]) => string | null;
  readonly report: (message: string) => void;
}

const NOTHING: ReadonlySet<string> = new Set();
const fixedSource = (source: string): Source => ({
  reads: NOTHING,
  fixed: true,
  alone: false,
  raw: false,
  text: () => source,
  value: () => source,
});

/** Whether anything in a text would be carried out. */
export const hasTemplates = (source: string): boolean => source.includes('{{') || source.includes('{%');

/** Reports everything that is wrong; what it then returns must not be used. */
export function parseSource(source: string, encoding: keyof typeof ENCODINGS, checks: Checks): Source {
  if (!hasTemplates(source)) return fixedSource(source);
  const old = coalescing(source);
  if (old) {
    checks.report(`"??" is not Liquid: write ${old.liquid} instead of ${old.found}`);
    return fixedSource(source);
  }
  let parts: Part[];
  try {
    parts = engine.parse(source);
  } catch (error) {
    checks.report(parseProblem(error, KNOWN));
    return fixedSource(source);
  }
  const { paths, printed, problems } = inspect(parts);
  const [first] = parts;
  const only = parts.length === 1 && first instanceof Output ? first.value : null;
  const found = new Set(problems);
  for (const { value, source: written } of printed) {
    if (value === only) continue;
    const how = printedAs(value, written);
    const { refusesRaw } = ENCODINGS[encoding];
    if (how.raw && refusesRaw !== null) found.add(`raw is not available in {{ ${written} }}: ${refusesRaw}`);
    value.filters.push(encoder(how));
  }
  for (const path of paths) {
    const problem = checks.check(path);
    if (problem) found.add(problem);
  }
  for (const problem of found) checks.report(problem);

  const reads = new Set(paths.map(([root = '']) => root));
  if (only === null) {
    const text = (scope: Scope): string => written(parts, encoding, scope);
    return { reads, fixed: false, alone: false, raw: false, text, value: text };
  }
  const how = printedAs(only, printed[0]?.source ?? '');
  return {
    reads,
    fixed: false,
    alone: true,
    raw: how.raw,
    text: (scope) => evaluated(only, encoding, scope, (value, writer) => writer.encoded(value, how)),
    value: (scope) =>
      evaluated(only, encoding, scope, (value, writer) => {
        const plain: unknown = toValue(value);
        // Lists that filters have made can be larger than what they were made of.
        if (only.filters.length > 0 && typeof plain === 'object') writer.json(plain);
        return plain ?? null;
      }),
  };
}

function printedAs({ filters }: Value, source: string): Printed {
  const last = filters.at(-1)?.name;
  const isEmptyText = (arg: unknown): boolean => TypeGuards.isQuotedToken(arg) && arg.content === '';
  return {
    source,
    optional: filters.some(({ name, args }) => name === 'default' && isEmptyText(args[0])),
    raw: last === 'raw',
    json: last === 'json',
  };
}

/** The last filter of an expression that is printed. */
function encoder(how: Printed): Filter {
  const [token] = new Tokenizer('| encoded').readFilters();
  if (!token) throw new Error('a filter was not read');
  const encode: FilterImplOptions = function (value) {
    return writerOf(this.context).encoded(value, how);
  };
  return new Filter(token, encode, engine);
}

function written(parts: Part[], encoding: keyof typeof ENCODINGS, scope: Scope): string {
  try {
    const context = contextFor(scope);
    const writer = new Writer(ENCODINGS[encoding], context.memoryLimit);
    context.setRegister('writer', writer);
    toValueSync(engine.renderer.renderTemplates(parts, context, writer));
    return writer.buffer;
  } catch (error) {
    throw renderFailure(error);
  }
}

function evaluated<T>(
  only: Value,
  encoding: keyof typeof ENCODINGS,
  scope: Scope,
  use: (value: unknown, writer: Writer) => T,
): T {
  try {
    const context = contextFor(scope);
    return use(toValueSync(only.value(context)), new Writer(ENCODINGS[encoding], context.memoryLimit));
  } catch (error) {
    throw renderFailure(error);
  }
}
