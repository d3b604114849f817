/**
 * Standard output as the place of log lines. Supervisor and workers write to the same one, so each decides alike how its
 * lines look there: readable on a terminal, JSON for whoever collects them, unless `log.format` says which.
 */
import { bufferLines, type LineBuffer } from './lines.ts';
import { type TextStyle, textOf } from './text.ts';

export type LogFormat = 'auto' | 'json' | 'text';

export interface LogOutput {
  /** Takes one JSON line without its newline. */
  readonly write: (line: string) => void;
  /** The same, gathered: for lines that come by the hundred. */
  readonly gathered: () => LineBuffer;
}

interface Options {
  readonly format: LogFormat;
  /** Whether people watch. */
  readonly terminal: boolean;
  /** Whether they want colours. */
  readonly colour: boolean;
  /** Takes whole lines with their newlines; standard output unless given. */
  readonly sink?: (text: string) => void;
}

/** How lines look; null leaves them as JSON. */
function styleOf({ format, terminal, colour }: Options): TextStyle | null {
  if (format === 'json' || (format === 'auto' && !terminal)) return null;
  return { colour: terminal && colour, timeOfDay: terminal };
}

export function logOutput(options: Options): LogOutput {
  const { sink = (text: string) => void process.stdout.write(text) } = options;
  const style = styleOf(options);
  const shown = style ? (line: string) => textOf(line, style) : (line: string) => line;
  return {
    write: (line) => sink(`${shown(line)}\n`),
    gathered: () => {
      const { write, flush } = bufferLines(sink);
      return { write: (line) => write(shown(line)), flush };
    },
  };
}

/** That of this process. */
export const standardOutput = (format: LogFormat, colour: boolean): LogOutput =>
  logOutput({ format, terminal: onTerminal(), colour });

/** Whether standard output is a terminal. */
export const onTerminal = (): boolean => process.stdout.isTTY === true;
