/**
 * Values with places to fill in: `Hello {{lead.first_name ?? 'you'}}`. An expression is a path or a quoted text,
 * with `??` for what to take instead of nothing. There are no loops, calls or filters: a template can read
 * the scope it is given and nothing else, and always ends. Compiled once, rendered often.
 */
import { pointerToken } from '@/platform/json/pointer.ts';
import { type Expression, parseExpression, type Scope } from './expression.ts';

export interface Template<T = unknown> {
  /** First segments of all paths: what a scope must provide. */
  readonly reads: ReadonlySet<string>;
  /** Throws RenderError when a value that must be there is missing. */
  render(scope: Scope): T;
}

/** Where a template stands, what it may read, and who hears of what is wrong with it. */
export interface CompileOptions {
  /** JSON pointer of the source, for reports. */
  readonly pointer: string;
  /** Says what is wrong with a path; null when it is fine. */
  readonly check: (path: readonly string[]) => string | null;
  readonly report: (pointer: string, message: string) => void;
}

/** A template that cannot be filled in with the values there are. */
export class RenderError extends Error {
  override name = 'RenderError';
}

type Part = string | Expression;

const asText = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

function parts(source: string, options: CompileOptions): Part[] {
  const found: Part[] = [];
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf('{{', at);
    if (open < 0) break;
    const parsed = parseExpression(source, open + 2);
    if ('error' in parsed) {
      options.report(options.pointer, `${parsed.error} in "${source.slice(open, open + 60)}"`);
      return [];
    }
    for (const path of parsed.expression.paths) {
      const problem = options.check(path);
      if (problem) options.report(options.pointer, problem);
    }
    if (open > at) found.push(source.slice(at, open));
    found.push(parsed.expression);
    at = parsed.end;
  }
  if (at < source.length) found.push(source.slice(at));
  return found;
}

const readsOf = (all: readonly Part[]): Set<string> =>
  new Set(all.flatMap((part) => (typeof part === 'string' ? [] : part.paths.map((path) => path[0] ?? ''))));

/** A text; missing values become empty. */
export function compileText(source: string, options: CompileOptions): Template<string> {
  const all = parts(source, options);
  return {
    reads: readsOf(all),
    render: (scope) =>
      all.map((part) => (typeof part === 'string' ? part : asText(part.value(scope)))).join(''),
  };
}

/** A segment of a path that stands for another place, however it is written. */
const DOTS = /^(?:\.|%2e){1,2}$/i;

/**
 * A URL: values are percent-encoded so that none can leave its place, except one at the very start, which is
 * taken as it is. A missing value throws, and so does one that makes a segment `.` or `..` (which no encoding
 * can hide): the address would reach something else.
 */
export function compileUrl(source: string, options: CompileOptions): Template<string> {
  const all = parts(source, options);
  return {
    reads: readsOf(all),
    render: (scope) => {
      let url = '';
      for (const [index, part] of all.entries()) {
        if (typeof part === 'string') {
          url += part;
          continue;
        }
        const value = asText(part.value(scope));
        if (value === '') throw new RenderError(`${part.source} has no value, and the URL needs one`);
        url += index === 0 ? value : encodeURIComponent(value.toWellFormed());
      }
      const [path = ''] = url.split(/[?#]/);
      if (all.length > 1 && path.split(/[/\\]/).some((segment) => DOTS.test(segment))) {
        throw new RenderError('the values make a URL with a segment . or .., which would lead elsewhere');
      }
      return url;
    },
  };
}

/**
 * Any JSON value; every text in it is a template. A text that is nothing but one expression keeps the type of its
 * value (numbers, objects, null); other texts are filled in as text.
 */
export function compileValue(source: unknown, options: CompileOptions): Template {
  if (typeof source === 'string') {
    const all = parts(source, options);
    const [only] = all;
    if (all.length === 1 && only !== undefined && typeof only !== 'string') {
      return { reads: readsOf(all), render: (scope) => only.value(scope) ?? null };
    }
    return compileText(source, { ...options, check: () => null, report: () => undefined });
  }
  if (Array.isArray(source)) {
    const items = source.map((item, index) =>
      compileValue(item, { ...options, pointer: `${options.pointer}/${index}` }),
    );
    return { reads: union(items), render: (scope) => items.map((item) => item.render(scope)) };
  }
  if (source !== null && typeof source === 'object') {
    const entries = Object.entries(source).map(
      ([key, value]) =>
        [
          key,
          compileValue(value, { ...options, pointer: `${options.pointer}/${pointerToken(key)}` }),
        ] as const,
    );
    return {
      reads: union(entries.map(([, template]) => template)),
      render: (scope) => Object.fromEntries(entries.map(([key, template]) => [key, template.render(scope)])),
    };
  }
  return { reads: new Set(), render: () => source };
}

const union = (templates: readonly Template[]): Set<string> =>
  new Set(templates.flatMap((template) => [...template.reads]));
