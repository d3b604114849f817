import { expect, test } from 'bun:test';
import { logOutput } from '@/platform/log/output.ts';
import { textOf } from '@/platform/log/text.ts';

const PLAIN = { colour: false, timeOfDay: false };
const TIME = '2026-11-26T21:07:13.123Z';
const line = (fields: object): string => JSON.stringify({ time: TIME, ...fields });

test.each<[string, object, string]>([
  [
    'fields behind the words',
    { level: 'info', msg: 'listening', url: 'http://localhost:8000', workers: 4 },
    `${TIME} INFO  listening  url=http://localhost:8000 workers=4`,
  ],
  [
    'quotes where a value has spaces',
    { level: 'warn', msg: 'lost', cause: 'no answer' },
    `${TIME} WARN  lost  cause="no answer"`,
  ],
  [
    'a request as its line and status',
    { level: 'info', msg: 'request', method: 'GET', path: '/health', status: 200, duration_ms: 1.5 },
    `${TIME} INFO  GET /health 200 1.5 ms`,
  ],
  [
    'an error with its stack below',
    { level: 'error', msg: 'failed', error: { message: 'boom', stack: 'Error: boom\n  at x' } },
    `${TIME} ERROR failed  error=boom\n    Error: boom\n      at x`,
  ],
])('a line for people has %s', (_, fields, expected) => {
  expect(textOf(line(fields), PLAIN)).toBe(expected);
});

test('shows control characters of strangers instead of obeying them', () => {
  const text = textOf(line({ level: 'info', msg: 'x', path: 'a\u001b[2Jb\u202ec' }), {
    ...PLAIN,
    colour: true,
  });
  expect(text).toContain('\\u001b[2J');
  expect(text).not.toContain('\u001b[2J');
  expect(text).not.toContain('\u202e');
});

test('has no colours unless they are wanted', () => {
  const entry = line({ level: 'warn', msg: 'x' });
  expect(textOf(entry, PLAIN)).not.toContain('\u001b[');
  expect(textOf(entry, { ...PLAIN, colour: true })).toContain('\u001b[33mWARN');
});

test.each([
  ['auto', true, false],
  ['auto', false, true],
  ['json', true, true],
  ['text', false, false],
] as const)('log.format %s, on a terminal %p: JSON %p', (format, terminal, json) => {
  let out = '';
  const output = logOutput({ format, terminal, colour: false, sink: (text) => (out += text) });
  output.write(line({ level: 'info', msg: 'x' }));
  expect(out.startsWith('{')).toBe(json);
});
