/** Passwords for commands: asked for at the terminal without showing them, or read from standard input. Never a flag. */
import { CommandFailure } from '@/platform/errors/problem.ts';
import type { Flag, Words } from './command.ts';

export const PASSWORD_FLAG: Readonly<Record<string, Flag>> = {
  'password-stdin': { help: 'Read the password from standard input instead of asking for it.' },
};

/** What a terminal in raw mode sends for Enter and Ctrl-D, for Ctrl-C, and for the two kinds of Backspace. */
const ENTER = '\r\n\u0004';
const INTERRUPT = '\u0003';
const ERASE = '\b\u007f';

/** What was typed behind the line that was asked for: the next question's answer. */
let ahead = '';

/** One line from the terminal, unseen. Throws CommandFailure when the user gives up. */
async function ask(question: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  try {
    return await new Promise<string>((resolve, reject) => {
      let typed = '';
      const listen = (text: string): void => {
        const characters = [...ahead, ...text];
        ahead = '';
        for (const [index, character] of characters.entries()) {
          if (character === INTERRUPT || ENTER.includes(character)) {
            stdin.off('data', listen);
            ahead = characters.slice(index + 1).join('');
            if (character === INTERRUPT) reject(new CommandFailure('given up'));
            else resolve(typed);
            return;
          }
          typed = ERASE.includes(character) ? [...typed].slice(0, -1).join('') : typed + character;
        }
      };
      stdin.on('data', listen);
      if (ahead !== '') listen('');
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

/** Throws CommandFailure (exit 2) when there is none, or when the two that were typed differ. */
export async function newPassword(words: Words, username: string): Promise<string> {
  if (process.stdin.isTTY && !words.isSet('password-stdin')) {
    const password = await ask(`New password of ${username}: `);
    if ((await ask('Once more: ')) !== password) throw new CommandFailure('the two passwords differ', 2);
    return password;
  }
  const password = (await Bun.stdin.text()).replace(/\r?\n$/, '');
  if (password) return password;
  throw new CommandFailure(
    'there is no password on standard input: pipe one in, or run this at a terminal to be asked for it',
    2,
  );
}
