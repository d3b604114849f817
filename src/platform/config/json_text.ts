/**
 * JSON with places: a parser that knows line and column of every mistake and of every value, which the built-in
 * one does not tell. For configuration files: small inputs, clear complaints, no key given twice.
 */
import { pointerTo } from '@/platform/json/pointer.ts';

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** What is wrong with the text, and where. */
export class JsonMistake extends Error {
  constructor(
    message: string,
    readonly place: Place,
  ) {
    super(message);
    this.name = 'JsonMistake';
  }
}

export interface ParsedJson {
  readonly value: unknown;
  /** Where each key stands (or each element begins), by JSON pointer. */
  readonly places: ReadonlyMap<string, Place>;
}

const MAX_DEPTH = 64;
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const GAP = /[ \t\r\n]*/y;

/** Throws JsonMistake. */
export function parseJson(source: string): ParsedJson {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source;
  const places = new Map<string, Place>();
  let at = 0;

  const placeOf = (offset: number): Place => {
    const before = text.slice(0, offset);
    return {
      line: before.split('\n').length,
      column: offset - (before.lastIndexOf('\n') + 1) + 1,
    };
  };
  const fail = (message: string, offset = at): never => {
    throw new JsonMistake(message, placeOf(offset));
  };
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? [];
    if (found === undefined) return null;
    at += found.length;
    return found;
  };
  const next = (): string => {
    take(GAP);
    return text[at] ?? '';
  };
  const seen = (): string => (at >= text.length ? 'the end of the file' : JSON.stringify(text[at]));

  const string = (): string => {
    const start = at;
    if (text[at] !== '"') return fail(`expected a name in double quotes, found ${seen()}`);
    const found = take(STRING);
    if (found === null) return fail('this text in quotes is not closed on its line', start);
    try {
      return JSON.parse(found) as string;
    } catch {
      return fail('this text in quotes holds a wrong escape or a control character', start);
    }
  };

  const members = (path: string, depth: number): unknown => {
    const entries = new Map<string, unknown>();
    at += 1;
    if (next() === '}') {
      at += 1;
      return {};
    }
    for (;;) {
      if (next() === '}') fail('there is a comma too many before this "}"');
      const start = at;
      const key = string();
      if (key === '__proto__') fail('a key of this name is not possible', start);
      if (entries.has(key)) fail(`the key ${JSON.stringify(key)} stands here twice`, start);
      const inner = pointerTo(path, key);
      places.set(inner, placeOf(start));
      if (next() !== ':') fail(`expected ":" after ${JSON.stringify(key)}, found ${seen()}`);
      at += 1;
      entries.set(key, value(inner, depth + 1));
      const separator = next();
      if (separator !== ',' && separator !== '}') fail(`expected "," or "}", found ${seen()}`);
      at += 1;
      if (separator === '}') return Object.fromEntries(entries);
    }
  };

  const elements = (path: string, depth: number): unknown[] => {
    const list: unknown[] = [];
    at += 1;
    if (next() === ']') {
      at += 1;
      return list;
    }
    for (;;) {
      if (next() === ']') fail('there is a comma too many before this "]"');
      const inner = pointerTo(path, list.length);
      places.set(inner, placeOf(at));
      list.push(value(inner, depth + 1));
      const separator = next();
      if (separator !== ',' && separator !== ']') fail(`expected "," or "]", found ${seen()}`);
      at += 1;
      if (separator === ']') return list;
    }
  };

  const value = (path: string, depth: number): unknown => {
    if (depth > MAX_DEPTH) fail(`nested more than ${MAX_DEPTH} levels deep`);
    const first = next();
    if (first === '{') return members(path, depth);
    if (first === '[') return elements(path, depth);
    if (first === '"') return string();
    const literal = take(WORD) ?? take(NUMBER);
    if (literal !== null) return JSON.parse(literal);
    if (first === '/' || first === '#') return fail('JSON has no comments: remove this one');
    return fail(`expected a value, found ${seen()}`);
  };

  const result = value('', 0);
  if (next() !== '') fail(`expected the end of the file, found ${seen()}`);
  return { value: result, places };
}
