/**
 * The environment variables of this program, as they are meant: a secret may stand in a file that `<NAME>_FILE` names
 * (as systemd, Docker and Kubernetes hand them over), and the newline that an editor or `echo` leaves at the end of a
 * value is not part of it.
 */
import { readFileSync } from 'node:fs';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Variables } from './environment.ts';
import type { Finding } from './finding.ts';
import { type ConfigSchema, schemaOfKey, secretKeys } from './schema.ts';

/** Secrets that are no keys of the configuration. */
export const JWT_SECRETS = ['JWT_SECRET', 'JWT_SECRET_PREVIOUS'];
export const OTHER_SECRETS = ['AO_ADMIN_PASSWORD', 'AO_ENCRYPTION_KEY'];

export const variableOf = (key: string): string => `AO_${key.replace('.', '__').toUpperCase()}`;

/** Section and key that a variable sets, lower case; null when it is not of the form `AO_<SECTION>__<KEY>`. */
export function keyOf(variable: string): readonly [section: string, key: string] | null {
  const [, section = '', key = ''] = /^AO_([A-Za-z0-9_]*?)__(.+)$/.exec(variable) ?? [];
  return key ? [section.toLowerCase(), key.toLowerCase()] : null;
}

/** Every variable whose value may stand in a file. */
export const secretVariables = (config: ConfigSchema): string[] => [
  ...JWT_SECRETS,
  ...OTHER_SECRETS,
  'DATABASE_URL',
  ...secretKeys(config).map(variableOf),
];

export interface ReadVariables {
  /** With the contents of files under the names of their secrets, and without final newlines. */
  readonly values: Variables;
  /** For each secret that came from a file, the variable that names the file. */
  readonly files: ReadonlyMap<string, string>;
  /** Secrets that are given by a file which cannot be used. */
  readonly unread: readonly string[];
  readonly findings: readonly Finding[];
}

const SUFFIX = '_FILE';
const FINAL_NEWLINE = /\r?\n$/;

/** Configuration variables are taken in any case; only here two spellings of one must meet. */
const canonical = (name: string): string => (keyOf(name) ? name.toUpperCase() : name);

/** The text of a file; or, as a finding, why there is none. */
function contentOf(variable: string, path: string): string | Finding {
  const refused = (message: string): Finding => ({ level: 'error', where: variable, message });
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    return refused(`the file ${path} cannot be read: ${messageOf(error)}`);
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.replace(FINAL_NEWLINE, '') ? text : refused(`the file ${path} is empty`);
  } catch {
    return refused(`the file ${path} is not UTF-8 text`);
  }
}

/** Never throws: what is wrong is among the findings. */
export function readVariables(config: ConfigSchema, environment: Variables): ReadVariables {
  const secrets = new Set(secretVariables(config));
  const values = new Map<string, string>();
  const files = new Map<string, string>();
  const unread: string[] = [];
  const findings: Finding[] = [];

  const take = (name: string, text: string, source: string): void => {
    const value = text.replace(FINAL_NEWLINE, '');
    if (value !== text) {
      const message = 'the value ends with a newline, which is removed';
      findings.push({ level: 'note', where: source, message });
    }
    if (secrets.has(canonical(name)) && value !== value.trim()) {
      const message =
        'the value begins or ends with white space, which is kept as part of the secret: remove it unless you mean it';
      findings.push({ level: 'warning', where: source, message });
    }
    values.set(name, value);
  };
  /** The secret whose file `name` names; null for a variable that is something else. */
  const secretOf = (name: string): string | null => {
    const key = keyOf(name);
    if (!name.toUpperCase().endsWith(SUFFIX) || (key && schemaOfKey(config, ...key))) return null;
    const secret = canonical(name).slice(0, -SUFFIX.length);
    return secrets.has(secret) ? secret : null;
  };

  const given = Object.entries(environment).sort();
  const fromFiles: (readonly [secret: string, variable: string, path: string])[] = [];
  for (const [name, text] of given) {
    if (!text) continue;
    const secret = secretOf(name);
    if (secret) fromFiles.push([secret, name, text.replace(FINAL_NEWLINE, '')]);
    else if (name.startsWith('AO_') || secrets.has(name)) take(name, text, name);
    else values.set(name, text);
  }
  const direct = new Set([...values].flatMap(([name, value]) => (value ? canonical(name) : [])));
  for (const [secret, variable, path] of fromFiles) {
    if (direct.has(secret)) {
      const message = `${secret} and ${variable} are both set: remove one of them`;
      findings.push({ level: 'error', where: variable, message });
      continue;
    }
    const content = contentOf(variable, path);
    if (typeof content !== 'string') {
      unread.push(secret);
      findings.push(content);
      continue;
    }
    take(secret, content, `${variable} (${path})`);
    files.set(secret, variable);
  }
  return { values: Object.fromEntries(values), files, unread, findings };
}
