/** What goes wrong with templates, in words that say what to do: while one is defined, and while it is filled in. */
import { LiquidError } from 'liquidjs';
import { nearest } from '@/platform/errors/suggestion.ts';

/** A template that cannot be filled in with the values there are. Trying again would not help. */
export class RenderError extends Error {
  override name = 'RenderError';
}

const PLACE = /, line:(\d+), col:(\d+)$/;

/** What each message of the parser means for the author of a template. */
const PROBLEMS: readonly (readonly [RegExp, (found: string, known: Known) => string])[] = [
  [/^undefined filter: (.*)$/s, (name, { filters }) => unknown('filter', name, filters)],
  [/^tag "(end\w+)" not found$/s, (name) => `unexpected {% ${name} %}: nothing is open that it could close`],
  [/^tag "(.*)" not found$/s, (name, { tags }) => unknown('tag', name, tags)],
  [/^output (".*") not closed$/s, (text) => `missing }} in ${text}`],
  [/^tag (".*") not closed$/s, (text) => `missing %} in ${text}`],
  [/^tag (\{%-?\s*\w+.*) not closed$/s, (text) => `${text} is not closed: add {% end${tagName(text)} %}`],
  [/^invalid value expression: (.*)$/s, () => 'expected a value such as lead.email between {{ and }}'],
  [
    /^(parse length limit exceeded)$/s,
    () => 'a text with templates must not be longer than 100,000 characters',
  ],
  [/^(Maximum call stack size exceeded\.?)$/s, () => 'the tags are nested too deeply'],
];

interface Known {
  readonly filters: readonly string[];
  readonly tags: readonly string[];
}

const tagName = (text: string): string => /\w+/.exec(text)?.[0] ?? '';

function unknown(kind: string, name: string, known: readonly string[]): string {
  const likely = nearest(name, known);
  return `there is no ${kind} "${name}"; ${likely ? `did you mean ${likely}?` : `known: ${known.join(', ')}`}`;
}

/** What is wrong with a source that could not be parsed. */
export function parseProblem(error: unknown, known: Known): string {
  const text = error instanceof Error ? error.message : String(error);
  const place = PLACE.exec(text);
  const message = text.replace(PLACE, '');
  const where = place && Number(place[1]) > 1 ? ` (line ${place[1]}, column ${place[2]})` : '';
  for (const [pattern, explain] of PROBLEMS) {
    const found = pattern.exec(message);
    if (found) return explain(found[1] ?? '', known) + where;
  }
  return message + where;
}

const LIMITS: readonly (readonly [RegExp, string])[] = [
  [/^memory alloc limit exceeded/, 'the template makes more text than 4,000,000 characters'],
  [/^template render limit exceeded/, 'the template takes too long'],
];

/** Whatever was thrown while a template was filled in. */
export function renderFailure(error: unknown): RenderError {
  const cause = LiquidError.is(error) ? (error.originalError ?? error) : error;
  if (cause instanceof RenderError) return cause;
  const message = (cause instanceof Error ? cause.message : String(cause)).replace(PLACE, '');
  for (const [pattern, meaning] of LIMITS) {
    if (pattern.test(message)) {
      return new RenderError(`${meaning}: loop over fewer items, or build shorter texts`, { cause: error });
    }
  }
  return new RenderError(`the template cannot be filled in: ${message}`, { cause: error });
}
