/** What a person at the terminal should see at the start. */
import { type LogFormat, onTerminal } from '@/platform/log/output.ts';

/**
 * Shows a generated password once, on standard error: standard output holds log lines, which are kept and shipped, and a
 * field of that name would be masked there.
 */
export function showFirstPassword(password: string | undefined): void {
  if (password === undefined) return;
  process.stderr.write(
    `\n  The first user was made. This password is shown only now:\n\n` +
      `      user name   admin\n      password    ${password}\n\n` +
      `  Change it after the first log-in (POST /api/auth/password, or "user passwd admin").\n\n`,
  );
}

/** Where a browser on this machine finds the server by the name that it has for itself. */
const THIS_MACHINE = new Set(['127.0.0.1', '0.0.0.0', '::', '[::]']);

/** An address that can be clicked: one of this machine becomes localhost, IPv6 gets its brackets. */
export function urlOf(host: string, port: number): string {
  const name = THIS_MACHINE.has(host) ? 'localhost' : host;
  return `http://${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}`;
}

/** The page to open first: the API, to be read and tried. */
export const docsOf = (url: string): string => `${url}/api/docs`;

/**
 * The last line of a start on a terminal, to be clicked. Elsewhere, and where lines are to be JSON, standard output holds
 * log lines and nothing else; there the line "listening" ends with that address.
 */
export function showAddress(url: string, format: LogFormat): void {
  if (onTerminal() && format !== 'json') process.stdout.write(`\n  Open ${docsOf(url)}\n`);
}
