/** From the words on the command line to an exit code. Every failure ends as one clear message, never a stack. */
import { CommandFailure, InvalidRequest, messageOf, Problem } from '@/platform/errors/problem.ts';
import { nearest } from '@/platform/errors/suggestion.ts';
import { auditCommands } from './audit.ts';
import { asksForHelp, type Command, parseWords } from './command.ts';
import { configCommands } from './config.ts';
import { commandHelp, type Group, groupHelp, PROGRAM, programHelp } from './help.ts';
import { keyCommands } from './key.ts';
import { allPrinted, endWithReader, outliveReader, print, remark } from './output.ts';
import { serve } from './serve.ts';
import { userCommands } from './user.ts';
import { version } from './version.ts';

const GROUPS: readonly Group[] = [
  { name: 'config', summary: 'Check and show the configuration.' },
  { name: 'user', summary: 'Manage users and their passwords.' },
  { name: 'key', summary: 'Manage API keys.' },
  { name: 'audit', summary: 'Read, back up and verify the audit log.' },
];

export const COMMANDS: readonly Command[] = [
  serve,
  ...configCommands,
  ...userCommands,
  ...keyCommands,
  ...auditCommands,
  version,
];

const commandsOf = (group: Group): Command[] =>
  COMMANDS.filter(({ name }) => name.startsWith(`${group.name} `));

const overview = (): string => programHelp(GROUPS, COMMANDS);

function unknown(word: string, known: readonly string[], helpOf: string): CommandFailure {
  const likely = nearest(word, known);
  return new CommandFailure(
    `${JSON.stringify(word)} is not a command${likely ? `; did you mean "${likely}"?` : ''} (see: ${helpOf} --help)`,
    2,
  );
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [first, second] = argv;
  if (first === 'help') return dispatch([...argv.slice(1), '--help']);
  if (first === '--version') return version.run(parseWords(version, argv.slice(1)));
  if (first === undefined) {
    remark(overview());
    return 2;
  }
  if (first === '--help' || first === '-h') {
    print(overview());
    return 0;
  }
  const group = GROUPS.find(({ name }) => name === first);
  const command = COMMANDS.find(({ name }) => name === (group ? `${first} ${second}` : first));
  if (command) {
    const words = argv.slice(group ? 2 : 1);
    if (!asksForHelp(words)) return command.run(parseWords(command, words));
    print(commandHelp(command));
    return 0;
  }
  if (!group)
    throw unknown(
      first,
      [...GROUPS, ...COMMANDS].map(({ name }) => name),
      PROGRAM,
    );
  if (second !== undefined && !asksForHelp([second])) {
    throw unknown(
      second,
      commandsOf(group).map(({ name }) => name.slice(first.length + 1)),
      `${PROGRAM} ${first}`,
    );
  }
  const help = groupHelp(group, commandsOf(group));
  if (second === undefined) remark(help);
  else print(help);
  return second === undefined ? 2 : 0;
}

/** Carries out one command line; resolves with the exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  if (argv[0] === serve.name) outliveReader();
  else endWithReader();
  try {
    const exitCode = await dispatch(argv);
    if (argv[0] !== serve.name) await allPrinted();
    return exitCode;
  } catch (error) {
    if (error instanceof CommandFailure) {
      remark(`${PROGRAM}: ${error.message}`);
      return error.exitCode;
    }
    if (error instanceof Problem) {
      remark(`${PROGRAM}: ${error.detail}`);
      return error instanceof InvalidRequest ? 2 : 1;
    }
    remark(`${PROGRAM}: failed: ${messageOf(error)}`);
    return 1;
  }
}
