/** JSON from strangers: strict about text, bounded in depth, and refused when it could not be kept as it is. */

import { type FieldError, InvalidRequest, MalformedRequest } from '@/platform/errors/problem.ts';
import { pointerTo } from './pointer.ts';

/** Beyond this, recursion somewhere (a store, a validator, JSON.stringify) could break. */
const DEEPEST = 64;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The value of a JSON text. Throws 400 for anything else. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw new MalformedRequest('The body is not well-formed JSON in UTF-8.', { cause: error });
  }
}

/** Whether a value is nested more deeply than what is taken from clients. */
export function isTooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth >= DEEPEST || Object.values(value).some((item) => isTooDeep(item, depth + 1));
}

/** What some store would change or refuse in a value, and where (JSON pointer); null when it can be kept as it is. */
export const storageFault = (value: unknown): Fault | null => faultOf(value, 0);

/** Throws 422 for a value that some store would change or refuse: it names the place, not the value. */
export function assertFaithful(value: unknown): void {
  const fault = storageFault(value);
  if (!fault) return;
  const error: FieldError = { in: 'body', path: fault.path, message: fault.message };
  throw new InvalidRequest(`body${fault.path}: ${fault.message}.`, { errors: [error] });
}

export interface Fault {
  readonly path: string;
  readonly message: string;
}

function faultOf(value: unknown, depth: number): Fault | null {
  if (typeof value === 'string') return here(textFault(value));
  if (typeof value === 'number') return here(numberFault(value));
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= DEEPEST) return here(`Deeper than ${DEEPEST} levels`);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const fault = faultOf(value[index], depth + 1);
      if (fault) return { path: `/${index}${fault.path}`, message: fault.message };
    }
    return null;
  }
  for (const key in value) {
    const fault = here(keyFault(key)) ?? faultOf((value as Record<string, unknown>)[key], depth + 1);
    if (fault) return { path: `${pointerTo('', key)}${fault.path}`, message: fault.message };
  }
  return null;
}

const here = (message: string | null): Fault | null => (message === null ? null : { path: '', message });

function textFault(text: string): string | null {
  if (text.includes('\u0000')) return 'Holds a NUL character';
  return text.isWellFormed() ? null : 'Holds half of a surrogate pair';
}

const keyFault = (key: string): string | null =>
  key === '__proto__' ? 'This name is not possible' : textFault(key);

function numberFault(value: number): string | null {
  if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return null;
  return 'Too large a number to be kept exactly: send it as text';
}
