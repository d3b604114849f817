/**
 * What a command is, and how its words become arguments and flags. A mistake is answered with what was probably
 * meant, and exit code 2.
 */
import { parseArgs } from 'node:util';
import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { nearest } from '@/platform/errors/suggestion.ts';
import { worded } from '@/platform/schema/words.ts';

export interface Flag {
  /** Stands for the value in the help; a flag without it is a switch. */
  readonly value?: string;
  readonly help: string;
}

export interface Argument {
  readonly name: string;
  readonly help: string;
  /** May be left out; only the last one. */
  readonly optional?: boolean;
}

export interface Example {
  /** Without the program's name. */
  readonly command: string;
  readonly does: string;
  /** Stands before the program's name, such as `echo … |`. */
  readonly before?: string;
}

export interface Command {
  /** As typed: `serve` or `user create`. */
  readonly name: string;
  readonly summary: string;
  /** Paragraphs for the help. */
  readonly about?: readonly string[];
  /** In this order. */
  readonly args?: readonly Argument[];
  readonly flags: Readonly<Record<string, Flag>>;
  readonly examples: readonly Example[];
  /** Resolves with the exit code. */
  run(words: Words): Promise<number> | number;
}

/** What was typed behind the name of a command. */
export interface Words {
  /** An argument, by its name in the command; empty when an optional one was left out. */
  arg(name: string): string;
  /** The value of a flag. */
  text(flag: string): string | undefined;
  isSet(flag: string): boolean;
}

const HELP = 'help';
const wrong = (command: Command, message: string): CommandFailure =>
  new CommandFailure(`${message} (see: automation-orchestrator ${command.name} --help)`, 2);

/** Whether help is asked for anywhere before `--`. */
export function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).some((word) => word === '--help' || word === '-h');
}

/** Throws CommandFailure (exit 2) for unknown flags, missing values, missing or superfluous arguments. */
export function parseWords(command: Command, argv: readonly string[]): Words {
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(command.flags).map(([name, { value }]) => [
        name,
        { type: value === undefined ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
  });
  const flags = new Map<string, string | true>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = Object.hasOwn(command.flags, token.name) ? command.flags[token.name] : undefined;
    if (!flag) {
      const likely = nearest(token.name, [...Object.keys(command.flags), HELP]);
      throw wrong(
        command,
        `${token.rawName} is not a flag of "${command.name}"${likely ? `; did you mean --${likely}?` : ''}`,
      );
    }
    if (flag.value === undefined) {
      if (token.value !== undefined) throw wrong(command, `${token.rawName} takes no value`);
      flags.set(token.name, true);
    } else {
      const missing = !token.value || (!token.inlineValue && token.value.startsWith('--'));
      if (missing) throw wrong(command, `${token.rawName} needs a value: ${token.rawName} ${flag.value}`);
      flags.set(token.name, token.value);
    }
  }
  const wanted = command.args ?? [];
  const absent = wanted[positionals.length];
  if (absent && !absent.optional) throw wrong(command, `${absent.name} is missing: ${absent.help}`);
  if (positionals.length > wanted.length) {
    throw wrong(command, `${JSON.stringify(positionals[wanted.length])} is one argument too many`);
  }
  return {
    arg: (name) => positionals[wanted.findIndex((argument) => argument.name === name)] ?? '',
    text: (flag) => {
      const value = flags.get(flag);
      return typeof value === 'string' ? value : undefined;
    },
    isSet: (flag) => flags.has(flag),
  };
}

/** A whole number from a flag; `fallback` when the flag is not there. Throws CommandFailure (exit 2). */
export function wholeNumber(
  words: Words,
  flag: string,
  minimum: number,
  maximum: number,
): number | undefined {
  const text = words.text(flag);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value;
  throw new CommandFailure(
    `--${flag} must be a whole number from ${minimum} to ${maximum}, not ${JSON.stringify(text)}`,
    2,
  );
}

/** The rules of the API for what a command makes. Throws CommandFailure (exit 2) for the first that is broken. */
export function requireValid(schema: TSchema, input: unknown): void {
  const error = Value.Errors(schema, input).First();
  if (!error) return;
  const field = error.path.slice(1);
  const rule = error.schema.description ?? worded(error);
  throw new CommandFailure(`${field === 'password' ? 'the password' : field} is not valid: ${rule}`, 2);
}

/** One of a list of words from a flag. Throws CommandFailure (exit 2). */
export function oneOf<T extends string>(text: string, choices: readonly T[], what: string): T {
  const choice = choices.find((candidate) => candidate === text);
  if (choice) return choice;
  const likely = nearest(text, choices);
  throw new CommandFailure(
    `${what} must be one of ${choices.join(', ')}, not ${JSON.stringify(text)}` +
      (likely ? `; did you mean ${likely}?` : ''),
    2,
  );
}
