/** What a person at the terminal should see at the start. */

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

const WILDCARDS = new Set(['0.0.0.0', '::', '[::]']);

/** An address that can be clicked: a wildcard becomes localhost, IPv6 gets its brackets. */
export function urlOf(host: string, port: number): string {
  const name = WILDCARDS.has(host) ? 'localhost' : host;
  return `http://${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}`;
}
