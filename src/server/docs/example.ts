/** An example of what a JSON Schema describes, put together from the examples of its parts. */

export interface ExampleSchema {
  readonly [keyword: string]: unknown;
  readonly examples?: readonly unknown[];
  readonly anyOf?: readonly ExampleSchema[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, ExampleSchema>>;
  readonly items?: ExampleSchema;
}

export const ID_EXAMPLE = '0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77';

/** Texts of a format that no schema has to give an example for. */
const BY_FORMAT: Readonly<Record<string, string>> = {
  'date-time': '2026-01-31T09:30:00.000Z',
  uuid: ID_EXAMPLE,
  uri: 'https://crm.example.com/api',
};

/** `name` is that of the field. Undefined for a schema that says too little of its values. */
export function exampleOf(schema: ExampleSchema, name = ''): unknown {
  if (schema.examples && schema.examples.length > 0) return schema.examples[0];
  if (schema.properties) return ofObject(schema.properties);
  if ('default' in schema) return schema.default;
  if ('const' in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) {
    // Of "something or null" the something says more.
    const something = schema.anyOf.filter(({ type }) => type !== 'null');
    const found = something.map((each) => exampleOf(each, name)).find((value) => value !== undefined);
    return found === undefined && something.length < schema.anyOf.length ? null : found;
  }
  switch (schema.type) {
    case 'object':
      return {};
    case 'array': {
      const item = schema.items && exampleOf(schema.items);
      return item === undefined ? [] : [item];
    }
    case 'string':
      return /(^|_)id$/.test(name) ? ID_EXAMPLE : BY_FORMAT[String(schema.format)];
    case 'integer':
    case 'number':
      return schema.minimum ?? 0;
    case 'boolean':
      return true;
    default:
      return undefined;
  }
}

function ofObject(properties: Readonly<Record<string, ExampleSchema>>): Record<string, unknown> {
  const values = Object.entries(properties).map(([name, schema]) => [name, exampleOf(schema, name)] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}
