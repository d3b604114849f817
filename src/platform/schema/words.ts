/** What a schema has against a value, in words for the one who sent it, and never with the value itself. */

/** The part of TypeBox's errors that is used here. */
export interface SchemaError {
  readonly path?: string;
  readonly type?: number;
  readonly message?: string;
  readonly schema?: {
    readonly anyOf?: readonly { readonly const?: unknown; readonly type?: unknown }[];
    readonly examples?: unknown;
    readonly patternProperties?: unknown;
  };
  /** Of a union: what each alternative has against the value. */
  readonly errors?: readonly Iterable<SchemaError>[];
}

/** TypeBox's numbers of an unknown property, a missing one, a string format, a string pattern and a union (`ValueErrorType`). */
const UNKNOWN = 42;
const MISSING = 45;
const FORMAT = 50;
const PATTERN = 53;
const UNION = 62;

export function worded(error: SchemaError): string {
  const message = error.message ?? 'Not valid';
  // A map of names that all have to fit a pattern knows no unknown ones, only bad ones.
  if (error.type === UNKNOWN)
    return error.schema?.patternProperties ? 'This name is not possible' : 'Unknown field';
  if (error.type === MISSING) return 'Required, but missing';
  if (error.type === FORMAT)
    return message.replace(/^Expected string to match '(.*)' format$/, 'Not a valid $1');
  if (error.type === PATTERN) return wordedPattern(error);
  return error.type === UNION ? wordedUnion(error, message) : message;
}

/** A regular expression says little to most people; what a good value looks like does. */
function wordedPattern({ schema }: SchemaError): string {
  const example = Array.isArray(schema?.examples) ? schema.examples[0] : undefined;
  return `Not in the expected form${typeof example === 'string' ? `; an example is "${example}"` : ''}`;
}

/** Choices are listed; of "something or null" the something speaks. */
function wordedUnion(error: SchemaError, message: string): string {
  const alternatives = error.schema?.anyOf ?? [];
  if (alternatives.length > 0 && alternatives.every((alternative) => alternative.const !== undefined)) {
    return `Expected one of: ${alternatives.map((alternative) => String(alternative.const)).join(', ')}`;
  }
  if (alternatives.some(({ type }) => type === 'boolean')) return 'Expected true or false';
  const something = alternatives.findIndex(({ type }) => type !== 'null');
  if (alternatives.length === 2 && alternatives.some(({ type }) => type === 'null')) {
    const [first] = [...(error.errors?.[something] ?? [])];
    if (first) return worded(first);
  }
  return message;
}
