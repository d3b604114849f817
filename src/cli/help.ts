/** Help that teaches: what a command does, its words, and examples that can be typed as they stand. */
import { VERSION } from '@/platform/build/version.ts';
import type { Command } from './command.ts';

export const PROGRAM = 'automation-orchestrator';
const WIDTH = 100;

/** A group of commands that share their first word. */
export interface Group {
  readonly name: string;
  readonly summary: string;
}

function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line && line.length + 1 + word.length > WIDTH - indent) {
      lines.push(line);
      line = word;
    } else {
      line = line ? `${line} ${word}` : word;
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

function rows(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(...entries.map(([left]) => left.length)) + 2;
  return entries.map(([left, right]) => `  ${left.padEnd(width)}${wrap(right, width + 2)}`).join('\n');
}

export function commandHelp(command: Command): string {
  const flags = Object.entries(command.flags).map(
    ([name, flag]) => [`--${name}${flag.value ? ` ${flag.value}` : ''}`, flag.help] as const,
  );
  const args = command.args ?? [];
  const usage = [
    PROGRAM,
    command.name,
    ...args.map(({ name, optional }) => (optional ? `[${name}]` : name)),
    '[flags]',
  ].join(' ');
  const sections = [
    command.summary,
    ...(command.about ?? []).map((paragraph) => wrap(paragraph, 0)),
    `Usage:\n  ${usage}`,
    ...(args.length > 0 ? [`Arguments:\n${rows(args.map(({ name, help }) => [name, help]))}`] : []),
    `Flags:\n${rows([...flags, ['--help', 'Show this help.']])}`,
    `Examples:\n${command.examples
      .map(({ before, command: words, does }) => `  # ${does}\n  ${before ?? ''}${PROGRAM} ${words}`)
      .join('\n\n')}`,
  ];
  return `${sections.join('\n\n')}\n`;
}

export function groupHelp(group: Group, commands: readonly Command[]): string {
  return [
    group.summary,
    `Usage:\n  ${PROGRAM} ${group.name} COMMAND [flags]`,
    `Commands:\n${rows(commands.map(({ name, summary }) => [name.slice(group.name.length + 1), summary]))}`,
    `Examples:\n${commands
      .flatMap(({ examples }) => examples.slice(0, 1))
      .map(({ before, command, does }) => `  # ${does}\n  ${before ?? ''}${PROGRAM} ${command}`)
      .join('\n\n')}`,
    `"${PROGRAM} ${group.name} COMMAND --help" tells more of each.\n`,
  ].join('\n\n');
}

export function programHelp(groups: readonly Group[], commands: readonly Command[]): string {
  const single = commands.filter(({ name }) => !name.includes(' '));
  const grouped = groups.map((group): readonly [string, string] => {
    const verbs = commands.flatMap(({ name }) =>
      name.startsWith(`${group.name} `) ? [name.slice(group.name.length + 1)] : [],
    );
    return [`${group.name} ${verbs.join('|')}`, group.summary];
  });
  return `${[
    `Automation Orchestrator ${VERSION}: takes in sales leads and runs durable workflows over them.`,
    `Usage:\n  ${PROGRAM} COMMAND [flags]`,
    `Commands:\n${rows([...single.map(({ name, summary }) => [name, summary] as const), ...grouped])}`,
    `First steps:
  # Start with the defaults; the first start prints the password of the user "admin"
  ${PROGRAM} serve

  # Then log in at http://localhost:8000/api/docs, or from another shell
  ${PROGRAM} user create grace --role operator

  # See what a configuration file really means
  ${PROGRAM} config show --config config/sample_config.json`,
    wrap(
      `Configuration comes from defaults < --config FILE < AO_<SECTION>__<KEY> in the environment < flags. JWT_SECRET, AO_ADMIN_PASSWORD, AO_ENCRYPTION_KEY and DATABASE_URL are read from the environment; <NAME>_FILE names a file with a secret instead. Everything the server writes lies in the data folder (--data-dir, ./data unless given).`,
      0,
    ),
    'Exit codes: 0 good, 1 failed, 2 wrong usage or configuration.',
    `"${PROGRAM} COMMAND --help" tells more of each command.`,
  ].join('\n\n')}\n`;
}
