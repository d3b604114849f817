/** What bun.lock pins: the version and the hash of every package. In JavaScript, so that plain Node can read it. */

/**
 * @typedef {object} Pin
 * @property {string} name the package, also where it is nested under the one that asks for it
 * @property {string} version
 * @property {string} integrity empty where the lock file has none
 */

/**
 * Every package by its place in the tree, such as `bun` or `ajv-errors/ajv`.
 * @param {string} text of bun.lock, which is JSON with trailing commas
 * @returns {Map<string, Pin>}
 */
export function parseLock(text) {
  /** @type {{ packages: Record<string, [string, ...unknown[]]> }} */
  const { packages } = JSON.parse(text.replace(/,(?=\s*[}\]])/g, ''));
  return new Map(
    Object.entries(packages).map(([place, [resolved, ...details]]) => {
      const at = resolved.lastIndexOf('@');
      const integrity = details.at(-1);
      return [
        place,
        {
          name: resolved.slice(0, at),
          version: resolved.slice(at + 1),
          integrity: typeof integrity === 'string' ? integrity : '',
        },
      ];
    }),
  );
}
