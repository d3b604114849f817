/**
 * How a value is written, by where it stands: in a URL, a form, a JSON text, a header, HTML. In each, a value can be
 * anything and still stays what it is: one value, at the place where the template puts it.
 */
import { RenderError } from './failure.ts';

/** An expression that prints a value. */
export interface Printed {
  /** As written, for messages. */
  readonly source: string;
  /** It says `default: ""`: nothing is a value it may have. */
  readonly optional: boolean;
  /** It ends with `| raw`: the value is to be written as it is. */
  readonly raw: boolean;
  /** It ends with `| json`: the value is JSON already. */
  readonly json: boolean;
}

/** What an encoding needs to know of the text before. */
interface Place {
  readonly untouched: boolean;
  readonly jsonPlace: 'bare' | 'string' | 'escape';
  text(value: unknown): string;
  json(value: unknown): string;
}

export interface Encoding {
  /** Why `| raw` is refused here; null where it is safe. */
  readonly refusesRaw: string | null;
  /** Whether `capture` keeps encoded text; else it keeps a value like any other, encoded where it is printed. */
  readonly capturesMarkup: boolean;
  /** Whether the text before must be followed as JSON. */
  readonly followsJson: boolean;
  /** Throws RenderError for a value that cannot stand there. */
  encode(value: unknown, printed: Printed, place: Place): string;
}

const HTML_ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

const plain = { refusesRaw: null, capturesMarkup: false, followsJson: false };

/** Nothing to hide: what is made of it is encoded as a whole later. */
const text: Encoding = { ...plain, encode: (value, _, place) => place.text(value) };

/** Percent-encoded, but for a value at the very start: there the template leaves the whole address to it. */
const url: Encoding = {
  ...plain,
  refusesRaw: 'values in a URL are always percent-encoded; only one at its very start is taken as it is',
  encode(value, { source, optional }, place) {
    const written = place.text(value);
    if (written === '' && !optional) {
      throw new RenderError(
        `${source} has no value, and the URL needs one; {{ ${source} | default: "" }} would leave it empty`,
      );
    }
    return place.untouched ? written : encodeURIComponent(written.toWellFormed());
  },
};

/** As `application/x-www-form-urlencoded` wants names and values. */
export const formEncoded = (value: string): string =>
  encodeURIComponent(value.toWellFormed())
    .replaceAll('%20', '+')
    .replace(/[!'()~]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

const form: Encoding = {
  ...plain,
  refusesRaw:
    'values in a form are always encoded; only a body that is nothing but one expression may be raw',
  encode: (value, _, place) => formEncoded(place.text(value)),
};

/** JSON of its own outside of quotes; between quotes, what may stand there. */
const json: Encoding = {
  ...plain,
  followsJson: true,
  encode(value, { source, raw, json: isJson }, place) {
    if (place.jsonPlace === 'escape') {
      throw new RenderError(
        `{{ ${source} }} stands behind a backslash in the JSON text: remove the backslash`,
      );
    }
    if (place.jsonPlace === 'string') {
      if (raw)
        throw new RenderError(`{{ ${source} }} is raw between quotes: remove the quotes or the filter raw`);
      return JSON.stringify(place.text(value)).slice(1, -1);
    }
    if (!raw && !isJson) return place.json(value);
    const written = place.text(value);
    if (isJson) return written === '' ? 'null' : written;
    if (!isJsonText(written)) {
      throw new RenderError(
        `{{ ${source} }} is not JSON, so it cannot be raw in a JSON text: remove the filter raw`,
      );
    }
    return written;
  },
};

/** Also right for XML. Both kinds of quotes, so that values may stand in attributes. */
const html: Encoding = {
  ...plain,
  capturesMarkup: true,
  encode(value, { raw }, place) {
    const written = place.text(value);
    return raw ? written : written.replace(/[&<>"']/g, (mark) => HTML_ENTITIES[mark] ?? mark);
  },
};

/** Characters of a header's value (RFC 9110, section 5.5). */
const NOT_IN_HEADERS = /[^\t\x20-\x7e\x80-\xff]/u;

/** Refused where a header cannot carry it: no encoding of headers is understood everywhere. */
const header: Encoding = {
  ...plain,
  encode(value, { source }, place) {
    const written = place.text(value);
    const [mark] = NOT_IN_HEADERS.exec(written) ?? [];
    if (mark === undefined) return written;
    const code = (mark.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    throw new RenderError(
      `{{ ${source} }} has a character that headers cannot carry (U+${code}); {{ ${source} | url_encode }} would encode it`,
    );
  },
};

export const ENCODINGS = { text, url, form, json, html, header } as const;

function isJsonText(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}
