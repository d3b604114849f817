/**
 * The rule for what a test needs and a machine may not have: it is skipped by name, so that everybody sees it, and
 * fails where REQUIRE_SERVICES=1 says that everything must be there.
 */
import { describe, test } from 'bun:test';

export const requireServices = Bun.env.REQUIRE_SERVICES === '1';

/** The suite runs where `service` is installed. */
export function describeWith(service: string, installed: boolean, name: string, suite: () => void): void {
  if (installed) describe(name, suite);
  else if (requireServices) {
    describe(name, () => {
      test(`needs ${service}`, () => {
        throw new Error(`REQUIRE_SERVICES=1, but ${service} is missing`);
      });
    });
  } else describe.skip(`${name} (skipped: ${service} is missing)`, suite);
}
