/** What the start does with findings: errors end it, all at once; the rest goes into the log. */
import { type Finding, isError, sentence } from '@/platform/config/finding.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';

/** Throws CommandFailure with all errors among `findings`. */
export function requireNoErrors(findings: readonly Finding[]): void {
  const errors = findings.filter(isError);
  if (errors.length === 0) return;
  const lines = errors.map(sentence);
  const message =
    lines.length === 1
      ? `${lines[0]}`
      : `the server cannot start:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  const ofMachine = errors.every(({ exitCode }) => exitCode === 1);
  throw new CommandFailure(message, ofMachine ? 1 : 2);
}

export function logFindings(log: Pick<Logger, 'warn' | 'info'>, findings: readonly Finding[]): void {
  for (const finding of findings) {
    if (finding.level === 'warning') log.warn(sentence(finding));
    if (finding.level === 'note') log.info(sentence(finding));
  }
}
