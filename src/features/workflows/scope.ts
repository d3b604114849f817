/** What templates in workflows can read, and the check that they read nothing else. */

/** A name that templates can read, with the fields behind it. */
export interface ScopeRoot {
  readonly name: string;
  readonly fields: readonly string[];
}

/** What every run has; features add to it. */
const OWN: readonly ScopeRoot[] = [
  { name: 'run', fields: ['id', 'created_at'] },
  { name: 'workflow', fields: ['id', 'name', 'version'] },
];

/** What is wrong with a path where the steps named in `earlier` have run before; null when nothing is. */
export function pathProblem(
  added: readonly ScopeRoot[],
  path: readonly string[],
  earlier: ReadonlySet<string>,
): string | null {
  const [root = '', second, third] = path;
  if (root === 'context') return null;
  if (root === 'steps') {
    if (second === undefined || third !== 'output') return 'read outputs as steps.<id>.output';
    return earlier.has(second) ? null : `there is no earlier step "${second}"`;
  }
  const roots = [...added, ...OWN];
  const fields = roots.find(({ name }) => name === root)?.fields;
  if (!fields) {
    const known = [...roots.map(({ name }) => name), 'context', 'steps'];
    return `unknown name "${root}"; known: ${known.join(', ')}`;
  }
  if (second === undefined || fields.includes(second)) return null;
  return `"${path.join('.')}" does not exist; ${root} has ${fields.join(', ')}`;
}
