/**
 * Forms as browsers send them (application/x-www-form-urlencoded), read strictly: nothing is guessed, so what cannot be
 * decoded is refused. A name that is given once has a text, one that is given several times has a list of them: the schema
 * of the route says which it wants.
 */
import { MalformedRequest, PayloadTooLarge } from '@/platform/errors/problem.ts';

const MOST_FIELDS = 1000;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The fields of a form. Throws 400 for bad encodings, 413 for too many fields. */
export function parseForm(bytes: Uint8Array): Record<string, string | string[]> {
  const found = new Map<string, string | string[]>();
  let count = 0;
  for (const [name, value] of pairs(bytes)) {
    count += 1;
    if (count > MOST_FIELDS) throw new PayloadTooLarge(`The form has more than ${MOST_FIELDS} fields.`);
    const before = found.get(name);
    if (before === undefined) found.set(name, value);
    else if (typeof before === 'string') found.set(name, [before, value]);
    else before.push(value);
  }
  return Object.fromEntries(found);
}

function* pairs(bytes: Uint8Array): Generator<[string, string]> {
  try {
    for (const pair of utf8.decode(bytes).split('&')) {
      if (pair === '') continue;
      const at = pair.indexOf('=');
      yield at < 0 ? [decoded(pair), ''] : [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))];
    }
  } catch (error) {
    if (error instanceof PayloadTooLarge) throw error;
    throw new MalformedRequest('The body is not a well-formed form in UTF-8.', { cause: error });
  }
}

const decoded = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));
