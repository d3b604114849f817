/**
 * A log line for people: `21:07:13.123 INFO  listening  url=http://localhost:8000 workers=4`. Made of the JSON line, so
 * that both forms say the same and secrets are masked in one place.
 */
import type { LogLevel } from './log.ts';

export interface TextStyle {
  readonly colour: boolean;
  /** The local time of day, for whoever watches; else date and time in UTC, as in the JSON line. */
  readonly timeOfDay: boolean;
}

const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const CYAN = 36;
const BOLD = 1;
const DIM = 2;

const LEVEL_COLOURS: Readonly<Record<LogLevel, number>> = {
  debug: DIM,
  info: GREEN,
  warn: YELLOW,
  error: RED,
};
/** Wide enough for every level. */
const LEVEL_WIDTH = 5;
/** A value of these characters alone needs no quotes to be told from the next field. */
const PLAIN_VALUE = /^[\p{L}\p{N}_.:/@%+,~*?&#[\]-]+$/u;
/** Whatever could move the cursor, recolour the screen, or turn the reading order around. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

type Fields = Readonly<Record<string, unknown>>;

/** What a client sends gets into log lines; a terminal must show it and not obey it. */
const visible = (text: string): string =>
  text.replace(
    INVISIBLE,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}}`,
  );

function valueText(value: unknown): string {
  if (typeof value === 'string' && PLAIN_VALUE.test(value)) return value;
  return visible(JSON.stringify(value) ?? 'null');
}

const isError = (value: unknown): value is { readonly message: string; readonly stack?: unknown } =>
  typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;

/** Under the line, as deep as its words. */
const stackText = (stack: unknown): string =>
  typeof stack === 'string'
    ? stack
        .split('\n')
        .map((line) => `\n    ${visible(line)}`)
        .join('')
    : '';

function timeText(time: unknown, timeOfDay: boolean): string {
  const iso = String(time);
  if (!timeOfDay) return iso;
  const date = new Date(iso);
  const two = (part: number): string => String(part).padStart(2, '0');
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

function statusColour(status: unknown): number {
  const value = Number(status);
  if (value >= 500) return RED;
  if (value >= 400) return YELLOW;
  return value >= 300 ? CYAN : GREEN;
}

/** The text for one JSON line, without a newline at its end. What is no such line stays as it is. */
export function textOf(line: string, { colour, timeOfDay }: TextStyle): string {
  let entry: Fields;
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { time, level, msg, ...rest } = entry;
  let fields: Fields = rest;
  let said = paint(BOLD, visible(String(msg)));
  if (msg === 'request') {
    const { method, path, status, duration_ms, ...others } = rest;
    fields = others;
    const took = paint(DIM, `${duration_ms} ms`);
    said = `${visible(`${method} ${path}`)} ${paint(statusColour(status), String(status))} ${took}`;
  }
  let pairs = '';
  let stacks = '';
  for (const [name, value] of Object.entries(fields)) {
    const shown = isError(value) ? value.message : value;
    pairs += ` ${paint(DIM, `${visible(name)}=`)}${valueText(shown)}`;
    if (isError(value)) stacks += stackText(value.stack);
  }
  const rank = paint(
    LEVEL_COLOURS[level as LogLevel] ?? RED,
    String(level).toUpperCase().padEnd(LEVEL_WIDTH),
  );
  const gap = pairs === '' ? '' : ' ';
  const below = stacks === '' ? '' : paint(DIM, stacks);
  return `${paint(DIM, timeText(time, timeOfDay))} ${rank} ${said}${gap}${pairs}${below}`;
}
