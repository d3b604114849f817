import { describe, expect, test } from 'bun:test';
import { closingLine, summarise } from '../../scripts/test_summary.ts';

const report = (attributes: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="bun test" ${attributes}>\n</testsuites>`;

test('counts what passed, failed and was skipped', () => {
  const xml = report('tests="12" assertions="40" failures="2" skipped="3" time="1.2"');
  expect(summarise(xml, 1)).toEqual({ passed: 7, failed: 2, skipped: 3 });
});

describe('never looks good when', () => {
  test('the run ended badly though no case failed', () => {
    expect(summarise(report('tests="5" failures="0" skipped="0"'), 1).failed).toBe(1);
  });
  test('no test ran', () => {
    expect(summarise(report('tests="0" failures="0" skipped="0"'), 0).failed).toBe(1);
    expect(summarise(report('tests="2" failures="0" skipped="2"'), 0).failed).toBe(1);
  });
  test('there is no report', () => {
    expect(summarise(null, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

test('the closing line has the form that machines read', () => {
  expect(closingLine({ passed: 7, failed: 0, skipped: 0 })).toBe('7 passed, 0 failed');
  expect(closingLine({ passed: 7, failed: 2, skipped: 3 })).toBe('7 passed, 2 failed, 3 skipped');
});
