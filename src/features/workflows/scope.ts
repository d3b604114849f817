/** What templates in workflows can read, and the check that they read nothing else. */
import { Lead } from '@/features/leads/schema.ts';

const ROOTS = ['lead', 'context', 'steps', 'run', 'workflow'];
const LEAD_FIELDS = Object.keys(Lead.properties);
const RUN_FIELDS = ['id', 'created_at'];
const WORKFLOW_FIELDS = ['id', 'name', 'version'];

/** What is wrong with a path where the steps named in `earlier` have run before; null when nothing is. */
export function pathProblem(path: readonly string[], earlier: ReadonlySet<string>): string | null {
  const [root = '', second, third] = path;
  const among = (known: readonly string[]): string | null =>
    second === undefined || known.includes(second)
      ? null
      : `"${path.join('.')}" does not exist; ${root} has ${known.join(', ')}`;
  switch (root) {
    case 'lead':
      return among(LEAD_FIELDS);
    case 'run':
      return among(RUN_FIELDS);
    case 'workflow':
      return among(WORKFLOW_FIELDS);
    case 'context':
      return null;
    case 'steps':
      if (second === undefined || third !== 'output') return 'read outputs as steps.<id>.output';
      return earlier.has(second) ? null : `there is no earlier step "${second}"`;
    default:
      return `unknown name "${root}"; known: ${ROOTS.join(', ')}`;
  }
}
