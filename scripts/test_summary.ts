/** The last line of `scripts/test`, from the JUnit report that `bun test` writes. */

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * `report` is null when none was written. A run that ended badly without a failed case (a file that could not be
 * loaded, an error between two tests, a crash) counts as one failure: it must never look good.
 */
export function summarise(report: string | null, exitCode: number): Summary {
  const head = /<testsuites\b[^>]*>/.exec(report ?? '')?.[0] ?? '';
  const count = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  const skipped = count('skipped');
  const passed = Math.max(0, count('tests') - failed - skipped);
  const bad = exitCode !== 0 || passed + failed === 0;
  return { passed, failed: bad ? Math.max(1, failed) : failed, skipped };
}

export const closingLine = ({ passed, failed, skipped }: Summary): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
