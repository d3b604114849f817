/** What a template has written so far, and how the next value must look there. */
import { type Context, Drop, type Emitter, toValue } from 'liquidjs';
import type { Encoding, Printed } from './encodings.ts';

/** Counts what is made, and throws when it is too much. */
interface Memory {
  use(count: number): void;
}

/** Where in a JSON text the next character would stand. */
type JsonPlace = 'bare' | 'string' | 'escape';

/** A captured part whose values are encoded already. */
class Markup extends Drop {
  readonly #text: string;
  constructor(text: string) {
    super();
    this.#text = text;
  }
  override valueOf(): string {
    return this.#text;
  }
  toJSON(): string {
    return this.#text;
  }
}

export class Writer implements Emitter {
  buffer = '';
  /** Nothing was written yet, not even an empty value. */
  untouched = true;
  jsonPlace: JsonPlace = 'bare';

  constructor(
    private readonly encoding: Encoding,
    private readonly memory: Memory,
    private readonly captures = false,
  ) {}

  write(value: unknown): void {
    const text = typeof value === 'string' ? value : this.text(value);
    this.untouched = false;
    this.memory.use(text.length);
    if (this.encoding.followsJson) this.jsonPlace = placeAfter(text, this.jsonPlace);
    this.buffer += text;
  }

  /** A value as it must be written next. */
  encoded(value: unknown, printed: Printed): string {
    if (value instanceof Markup) return value.valueOf();
    const plain: unknown = toValue(value);
    return this.captures && !this.encoding.capturesMarkup
      ? this.text(plain)
      : this.encoding.encode(plain, printed, this);
  }

  /** A writer for a part that is kept under a name. */
  beside(): Writer {
    return new Writer(this.encoding, this.memory, true);
  }

  captured(): string | Drop {
    return this.encoding.capturesMarkup ? new Markup(this.buffer) : this.buffer;
  }

  /** A value as text: nothing is empty, objects and lists are JSON. */
  text(value: unknown): string {
    const plain: unknown = toValue(value);
    if (plain === null || plain === undefined) return '';
    return typeof plain === 'object' ? this.json(plain) : String(plain);
  }

  json(value: unknown): string {
    const counted = (_: string, part: unknown): unknown => {
      this.memory.use(typeof part === 'string' ? part.length + 3 : 3);
      return part;
    };
    return JSON.stringify(value, counted) ?? 'null';
  }
}

function placeAfter(text: string, before: JsonPlace): JsonPlace {
  let place = before;
  for (let at = 0; at < text.length; at += 1) {
    if (place === 'escape') place = 'string';
    else if (text.charCodeAt(at) === 0x22) place = place === 'bare' ? 'string' : 'bare';
    else if (place === 'string' && text.charCodeAt(at) === 0x5c) place = 'escape';
  }
  return place;
}

export const writerOf = (context: Context): Writer => context.getRegister<Writer>('writer');
