/**
 * The templates of before Liquid: paths and quoted texts between `{{` and `}}`, joined by `??`. Rewrites them as Liquid,
 * for definitions that were stored then, and for whoever still writes them.
 */

type Operand = { readonly path: string } | { readonly text: string; readonly quote: string };
interface Found {
  /** Just behind `}}`. */
  readonly end: number;
  readonly operands: readonly Operand[];
}

const SPACE = /\s*/y;
const TEXT = /'([^'\n]*)'|"([^"\n]*)"/y;
const PATH = /[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\]|\[(?:'[^'\n]*'|"[^"\n]*")\])*/y;
const QUOTED_KEY = /\[('[^'\n]*'|"[^"\n]*")\]/g;

/** Backslashes were characters like any other. */
const escaped = (quoted: string): string => quoted.replaceAll('\\', '\\\\');

/** The expression of before whose `{{` ends at `from`; null when it is none. */
function read(source: string, from: number): Found | null {
  let at = from;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match) at = pattern.lastIndex;
    return match;
  };
  const operands: Operand[] = [];
  for (;;) {
    take(SPACE);
    const text = take(TEXT);
    const path = text ? null : take(PATH);
    if (text) operands.push({ text: text[1] ?? text[2] ?? '', quote: text[0].charAt(0) });
    else if (path) operands.push({ path: path[0] });
    else return null;
    take(SPACE);
    if (source.startsWith('}}', at)) return { end: at + 2, operands };
    if (!source.startsWith('??', at)) return null;
    at += 2;
  }
}

const asLiquid = (operand: Operand): string =>
  'path' in operand
    ? operand.path.replace(QUOTED_KEY, (_, key: string) => `[${escaped(key)}]`)
    : operand.quote + escaped(operand.text) + operand.quote;

/** The first expression with `??`, and how it is written in Liquid; null when there is none. */
export function coalescing(source: string): { readonly found: string; readonly liquid: string } | null {
  if (!source.includes('??')) return null;
  for (let open = source.indexOf('{{'); open >= 0; open = source.indexOf('{{', open + 2)) {
    const expression = read(source, open + 2);
    if (expression && expression.operands.length > 1) {
      const [first = '', ...others] = expression.operands.map(asLiquid);
      const liquid = `{{ ${[first, ...others.map((other) => `default: ${other}`)].join(' | ')} }}`;
      return { found: source.slice(open, expression.end), liquid };
    }
  }
  return null;
}

/**
 * A whole text of before as Liquid; what is Liquid already stays as it is. `allow_false` because `??` replaced nothing
 * but a missing value; Liquid's `default` also replaces an empty text.
 */
export function toLiquid(source: string): string {
  let liquid = '';
  let at = 0;
  for (let open = source.indexOf('{{'); open >= 0; open = source.indexOf('{{', at)) {
    const expression = read(source, open + 2);
    // No text of before: those were refused unless every expression could be read.
    if (!expression) return source;
    const [first = '', ...others] = expression.operands.map(asLiquid);
    const fallbacks = others.map((other) => `default: ${other}, allow_false: true`);
    const written = source.slice(open, expression.end);
    // Behind a "-", "}}" would also remove space.
    const same = fallbacks.length === 0 && written.includes(first) && !written.endsWith('-}}');
    liquid +=
      literal(source.slice(at, open)) + (same ? written : `{{ ${[first, ...fallbacks].join(' | ')} }}`);
    at = expression.end;
  }
  return liquid + literal(source.slice(at));
}

/** `{%` was text. */
const literal = (text: string): string => text.replaceAll('{%', '{{ "{%" }}');

/** The rewritten JSON; null when nothing changes, so that what needs no change is not even formatted anew. */
export function rewrittenJson(json: string, rewrite: (value: unknown) => unknown): string | null {
  const before: unknown = JSON.parse(json);
  const after = JSON.stringify(rewrite(before));
  return after === JSON.stringify(before) ? null : after;
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** An object with the templates in these of its fields, at any depth, as Liquid. */
export function liquidFields(value: unknown, fields: readonly string[]): unknown {
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([name, field]) => [
    name,
    fields.includes(name) ? liquidTexts(field) : field,
  ]);
  return Object.fromEntries(entries);
}

function liquidTexts(value: unknown): unknown {
  if (typeof value === 'string') return toLiquid(value);
  if (Array.isArray(value)) return value.map(liquidTexts);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, liquidTexts(item)]));
}
