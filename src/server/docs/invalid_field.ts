/** A field of a request that could be wrong, in the words in which the server would say so: for examples of 422. */
import type { FieldError } from '@/platform/errors/problem.ts';
import type { Json } from './answers.ts';
import type { ExampleSchema } from './example.ts';

/** Of the body if there is one, else of the first parameter that can be wrong. */
export function invalidField(body: ExampleSchema | null, parameters: readonly Json[]): FieldError {
  if (body) {
    const [required] = (body.required ?? []) as string[];
    return required === undefined
      ? { in: 'body', path: '/nickname', message: 'Unknown field' }
      : { in: 'body', path: `/${required}`, message: 'Required, but missing' };
  }
  const found = parameters
    .filter((parameter) => parameter.in === 'path' || parameter.in === 'query')
    .map((parameter) => ({ parameter, message: faultOf((parameter.schema ?? {}) as ExampleSchema) }));
  const { parameter, message } = found.find((each) => each.message !== null) ?? found[0] ?? {};
  return {
    in: parameter?.in === 'path' ? 'path' : 'query',
    path: `/${parameter?.name ?? ''}`,
    message: message ?? 'Expected string',
  };
}

function faultOf(schema: ExampleSchema): string | null {
  if (schema.format !== undefined) return `Not a valid ${schema.format}`;
  if (schema.enum) return `Expected one of: ${schema.enum.join(', ')}`;
  if (schema.maximum !== undefined) return `Expected integer to be less or equal to ${schema.maximum}`;
  if (schema.type === 'boolean') return 'Expected true or false';
  if (schema.maxLength !== undefined) {
    return `Expected string length less or equal to ${schema.maxLength}`;
  }
  return null;
}
