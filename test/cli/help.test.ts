/** Every command can be learned from its own help, and every example in it is one that the parser takes. */
import { describe, expect, test } from 'bun:test';
import { runCommand } from '@test/support/command_line.ts';
import { parseWords } from '@/cli/command.ts';
import { commandHelp } from '@/cli/help.ts';
import { COMMANDS } from '@/cli/run.ts';

/** The words of an example as a shell would split them, up to a pipe or redirection. */
function shellWords(text: string): string[] {
  const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, plain = '']) => quoted ?? plain,
  );
  const end = words.findIndex((word) => /^[|>]/.test(word));
  return end === -1 ? words : words.slice(0, end);
}

describe.each(COMMANDS.map((command) => [command.name, command] as const))('%s', (name, command) => {
  test('has a summary, help for every flag and at least one example', () => {
    expect(command.summary).toMatch(/^[A-Z].*\.$/);
    for (const { help } of Object.values(command.flags)) expect(help).toMatch(/^[A-Z].*\.$/);
    expect(command.examples.length).toBeGreaterThan(0);
    expect(commandHelp(command)).toContain(`automation-orchestrator ${name}`);
  });

  test('has examples that can be typed as they stand', () => {
    for (const { command: example } of command.examples) {
      expect(example).toStartWith(name);
      const words = shellWords(example).slice(name.split(' ').length);
      expect(() => parseWords(command, words)).not.toThrow();
    }
  });

  test('keeps its help within 100 columns, examples aside', () => {
    const [text = ''] = commandHelp(command).split('\nExamples:\n');
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });
});

describe('help', () => {
  test('is on standard output and good when asked for', async () => {
    for (const args of [['--help'], ['help'], ['-h'], ['user', '--help'], ['help', 'user', 'create']]) {
      const { code, stdout, stderr } = await runCommand(args);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
      expect(stdout).toContain('Usage:\n  automation-orchestrator');
    }
  });

  test('is on standard error with exit code 2 when no command was given', async () => {
    for (const args of [[], ['user']]) {
      const { code, stdout, stderr } = await runCommand(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('Usage:');
    }
  });

  test('names every command', async () => {
    const { stdout } = await runCommand(['--help']);
    for (const name of ['serve', 'config', 'user', 'key', 'audit', 'version']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    }
  });
});
