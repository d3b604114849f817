/** JSON pointers (RFC 6901): places inside a JSON document, as errors and configurations name them. */

/** A key as one segment of a pointer; half surrogates become whole characters, so that the pointer can be sent. */
export const pointerToken = (key: string | number): string =>
  String(key).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');

/** The pointer of a member or an item of what stands at `parent`. */
export const pointerTo = (parent: string, key: string | number): string => `${parent}/${pointerToken(key)}`;

/** The segments of a pointer; `''` is the whole document and has none. */
export const pointerSegments = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

/** The value at the end of a path of keys; undefined where there is none. Never follows a prototype. */
export function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const segment of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[segment];
  }
  return value;
}
