/**
 * Values with places to fill in, in Liquid: `Hello {{ lead.first_name | default: "you" }}`. Compiled once, rendered
 * often. Each kind writes values as the place needs it where they stand: see `encodings.ts`.
 */
import { pointerTo } from '@/platform/json/pointer.ts';
import type { ENCODINGS } from './encodings.ts';
import { parseSource, type Scope, type Source } from './expression.ts';
import { RenderError } from './failure.ts';

export interface Template<T = unknown> {
  /** First segments of all paths: what a scope must provide. */
  readonly reads: ReadonlySet<string>;
  /** Throws RenderError when a value that must be there is missing, or cannot stand where it would. */
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

/** A text at the place that `options` names. */
export const sourceAt = (source: string, encoding: keyof typeof ENCODINGS, options: CompileOptions): Source =>
  parseSource(source, encoding, {
    check: options.check,
    report: (message) => options.report(options.pointer, message),
  });

const compiled =
  (encoding: keyof typeof ENCODINGS) =>
  (source: string, options: CompileOptions): Template<string> => {
    const { reads, text } = sourceAt(source, encoding, options);
    return { reads, render: text };
  };

/** A text; missing values become empty. */
export const compileText = compiled('text');

/** HTML or XML; values are escaped. */
export const compileHtml = compiled('html');

/** JSON as text: values become JSON, and between quotes a part of the text there. */
export const compileJsonText = compiled('json');

/** The value of a header. A value that headers cannot carry throws. */
export const compileHeader = compiled('header');

/** A segment of a path that stands for another place, however it is written. */
const DOTS = /^(?:\.|%2e){1,2}$/i;

/**
 * A URL: values are percent-encoded so that none can leave its place, except one at the very start, which is
 * taken as it is. A missing value throws, and so does one that makes a segment `.` or `..` (which no encoding
 * can hide): the address would reach something else.
 */
export function compileUrl(source: string, options: CompileOptions): Template<string> {
  const { reads, fixed, alone, text } = sourceAt(source, 'url', options);
  return {
    reads,
    render: (scope) => {
      const url = text(scope);
      const [path = ''] = url.split(/[?#]/);
      if (!fixed && !alone && path.split(/[/\\]/).some((segment) => DOTS.test(segment))) {
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
    const { reads, value } = sourceAt(source, 'text', options);
    return { reads, render: value };
  }
  if (Array.isArray(source)) {
    const items = source.map((item, index) =>
      compileValue(item, { ...options, pointer: pointerTo(options.pointer, index) }),
    );
    return { reads: union(items), render: (scope) => items.map((item) => item.render(scope)) };
  }
  if (source !== null && typeof source === 'object') {
    const entries = Object.entries(source).map(
      ([key, value]) =>
        [key, compileValue(value, { ...options, pointer: pointerTo(options.pointer, key) })] as const,
    );
    return {
      reads: union(entries.map(([, template]) => template)),
      render: (scope) => Object.fromEntries(entries.map(([key, template]) => [key, template.render(scope)])),
    };
  }
  return { reads: new Set(), render: () => source };
}

export const union = (templates: readonly Template[]): Set<string> =>
  new Set(templates.flatMap((template) => [...template.reads]));
