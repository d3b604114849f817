/** One text with templates: parsed and checked once, then filled in as often as needed. */
import {
  Filter,
  type FilterImplOptions,
  Output,
  type Template as Part,
  Tokenizer,
  toValue,
  toValueSync,
  type Value,
} from 'liquidjs';
import { coalescing } from './coalescing.ts';
import { pathOf, piecesOf, readPath, writePieces } from './direct.ts';
import { ENCODINGS } from './encodings.ts';
import { Budget, contextFor, engine, KNOWN } from './engine.ts';
import { parseProblem, renderFailure } from './failure.ts';
import { inspect, type PrintedValue } from './inspect.ts';
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

type Encodings = keyof typeof ENCODINGS;

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
export function parseSource(source: string, encoding: Encodings, checks: Checks): Source {
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
  const { refusesRaw } = ENCODINGS[encoding];
  const found = new Set(problems);
  for (const { value, how } of printed) {
    if (value !== only && how.raw && refusesRaw !== null) {
      found.add(`raw is not available in {{ ${how.source} }}: ${refusesRaw}`);
    }
  }
  for (const path of paths) {
    const problem = checks.check(path);
    if (problem) found.add(problem);
  }
  for (const problem of found) checks.report(problem);

  const reads = new Set(paths.map(([root = '']) => root));
  if (only !== null) return { reads, fixed: false, alone: true, ...loneExpression(only, printed, encoding) };
  const text = filledIn(parts, printed, encoding);
  return { reads, fixed: false, alone: false, raw: false, text, value: text };
}

function loneExpression(
  only: Value,
  [expression]: readonly PrintedValue[],
  encoding: Encodings,
): Pick<Source, 'raw' | 'text' | 'value'> {
  const path = pathOf(only);
  const how = expression?.how ?? { source: '', optional: false, raw: false, json: false };
  const evaluate = <T>(scope: Scope, use: (value: unknown, writer: Writer) => T): T =>
    explained(() => {
      if (path) return use(readPath(scope, path), new Writer(ENCODINGS[encoding], new Budget()));
      const context = contextFor(scope);
      return use(toValueSync(only.value(context)), new Writer(ENCODINGS[encoding], context.memoryLimit));
    });
  return {
    raw: how.raw,
    text: (scope) => evaluate(scope, (value, writer) => writer.encoded(value, how)),
    value: (scope) =>
      evaluate(scope, (value, writer) => {
        const plain: unknown = toValue(value);
        // Lists that filters have made can be larger than what they were made of.
        if (path === null && typeof plain === 'object') writer.json(plain);
        return plain ?? null;
      }),
  };
}

function filledIn(
  parts: Part[],
  printed: readonly PrintedValue[],
  encoding: Encodings,
): (scope: Scope) => string {
  const pieces = piecesOf(parts, printed);
  if (pieces) {
    return (scope) =>
      explained(() => writePieces(pieces, scope, new Writer(ENCODINGS[encoding], new Budget())));
  }
  for (const { value, how } of printed) value.filters.push(encoder(how));
  return (scope) =>
    explained(() => {
      const context = contextFor(scope);
      const writer = new Writer(ENCODINGS[encoding], context.memoryLimit);
      context.setRegister('writer', writer);
      toValueSync(engine.renderer.renderTemplates(parts, context, writer));
      return writer.buffer;
    });
}

/** The last filter of an expression that is printed. */
function encoder(how: PrintedValue['how']): Filter {
  const [token] = new Tokenizer('| encoded').readFilters();
  if (!token) throw new Error('a filter was not read');
  const encode: FilterImplOptions = function (value) {
    return writerOf(this.context).encoded(value, how);
  };
  return new Filter(token, encode, engine);
}

function explained<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw renderFailure(error);
  }
}
