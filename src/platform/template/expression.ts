/** What may stand between `{{` and `}}`: paths and quoted texts, joined by `??`. Reads own properties only. */
import { valueAt } from '@/platform/json/pointer.ts';

/** What templates can read, by name. */
export type Scope = Readonly<Record<string, unknown>>;

export type Path = readonly [string, ...string[]];

export interface Expression {
  /** As written, for messages. */
  readonly source: string;
  readonly paths: readonly Path[];
  value(scope: Scope): unknown;
}

type Operand = { readonly path: Path } | { readonly text: string };
type Parsed = { readonly expression: Expression; readonly end: number } | { readonly error: string };

const SPACE = /\s*/y;
const TEXT = /'([^'\n]*)'|"([^"\n]*)"/y;
const NAME = /[A-Za-z_][\w-]*/y;
const SEGMENT = /\.([\w-]+)|\[(\d+)\]|\[(?:'([^'\n]*)'|"([^"\n]*)")\]/y;

/** The expression that starts at `from` (just behind `{{`) and the place behind its `}}`. */
export function parseExpression(source: string, from: number): Parsed {
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
    const name = text ? null : take(NAME);
    if (text) operands.push({ text: text[1] ?? text[2] ?? '' });
    else if (name) {
      const path: [string, ...string[]] = [name[0]];
      for (let next = take(SEGMENT); next; next = take(SEGMENT)) {
        path.push(next[1] ?? next[2] ?? next[3] ?? next[4] ?? '');
      }
      operands.push({ path });
    } else return { error: 'expected a name such as lead.email or a quoted text' };
    take(SPACE);
    if (source.startsWith('}}', at)) break;
    if (!source.startsWith('??', at)) {
      return { error: at >= source.length ? 'missing }}' : `unexpected "${source.charAt(at)}"` };
    }
    at += 2;
  }
  return { expression: expressionOf(operands, source.slice(from, at).trim()), end: at + 2 };
}

function expressionOf(operands: readonly Operand[], source: string): Expression {
  return {
    source,
    paths: operands.flatMap((operand) => ('path' in operand ? [operand.path] : [])),
    value: (scope) => {
      for (const operand of operands) {
        const value = 'text' in operand ? operand.text : valueAt(scope, operand.path);
        if (value !== null && value !== undefined) return value;
      }
      return undefined;
    },
  };
}
