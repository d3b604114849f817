/**
 * JSON Schemas as the readers of an API document know them. A schema whose `title` is a name, such as `Lead`, becomes a
 * component of that name and is referred to wherever it stands, so that generated clients have a type for it.
 */
import type { Json } from './answers.ts';

const MAPS = ['properties', 'patternProperties'];
const LISTS = ['anyOf', 'oneOf', 'allOf'];
const SINGLE = ['items', 'additionalProperties'];
const NAME = /^[A-Z][A-Za-z0-9]*$/;
/** How TypeBox writes a record: as a pattern that matches every name. */
const ANY_NAME = '^(.*)$';

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A schema with every schema in it, and itself, made over: from the inside out. */
function mapSchema(schema: Json, change: (schema: Json) => Json): Json {
  const inner = (value: unknown): unknown => (isObject(value) ? mapSchema(value, change) : value);
  const made = Object.entries(schema).map(([keyword, value]): [string, unknown] => {
    if (MAPS.includes(keyword) && isObject(value)) {
      return [keyword, Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inner(each)]))];
    }
    if (LISTS.includes(keyword) && Array.isArray(value)) return [keyword, value.map(inner)];
    return [keyword, SINGLE.includes(keyword) ? inner(value) : value];
  });
  return change(Object.fromEntries(made));
}

/** Records with `additionalProperties`, choices with `enum`: what tools know, in place of how TypeBox writes it. */
export const plain = (schema: Json): Json =>
  mapSchema(schema, ({ patternProperties, anyOf, ...rest }) => {
    const any = isObject(patternProperties) ? patternProperties[ANY_NAME] : undefined;
    const choices = Array.isArray(anyOf) ? anyOf.map((each: Json) => each.const) : [];
    const chosen = choices.length > 0 && choices.every((choice) => typeof choice === 'string');
    return {
      ...(chosen ? { type: 'string', enum: choices } : anyOf !== undefined && { anyOf }),
      ...rest,
      ...(any !== undefined
        ? { additionalProperties: any }
        : patternProperties !== undefined && { patternProperties }),
    };
  });

/** Without the defaults of whole objects: an answer has every field, and `{}` would not be one. */
export const withoutObjectDefaults = (schema: Json): Json =>
  mapSchema(schema, ({ default: fallback, ...rest }) =>
    isObject(fallback) || fallback === undefined ? rest : { ...rest, default: fallback },
  );

/** The named schemas that have been met so far. */
export class NamedSchemas {
  private readonly found = new Map<string, Json>();

  /** The schema with references to named ones in their places. Throws when a name is given to two that differ. */
  refer(schema: Json): Json {
    return mapSchema(schema, (each) => {
      const { title, description, examples: _, ...rest } = each;
      if (typeof title !== 'string' || !NAME.test(title)) return each;
      const known = this.found.get(title);
      if (!known) this.found.set(title, each);
      else {
        const { title: __, description: ___, examples: ____, ...same } = known;
        if (!Bun.deepEquals(same, rest)) throw new Error(`two schemas that differ have the title ${title}`);
      }
      const reference = { $ref: `#/components/schemas/${title}` };
      // What it says of this place in particular.
      return known && description !== undefined && description !== known.description
        ? { ...reference, description }
        : reference;
    });
  }

  /** By name, in the order of the alphabet. */
  all(): Record<string, Json> {
    return Object.fromEntries([...this.found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
