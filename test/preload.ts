/**
 * Runs before every test file: what stands in the developer's own environment must neither change a result nor be
 * changed or shown by a test. Also gives every test its time limit.
 */
import { setDefaultTimeout } from 'bun:test';
import { readFileSync } from 'node:fs';

const OWN = /^(AO_|JWT_SECRET|DATABASE_URL$|PG[A-Z]+$|REDIS_)/;
/** For one test or hook; those that need longer say so themselves. Enough for a server of four workers. */
const TIMEOUT_MS = 30_000;

for (const name of Object.keys(process.env)) {
  if (OWN.test(name)) delete process.env[name];
}

// Bun ignores `timeout` in bunfig.toml, and forgets the default after each file, while this runs once. So it is set
// anew whenever a test file is loaded; the file itself stays as it is.
Bun.plugin({
  name: 'time limit of a test',
  setup(build) {
    build.onLoad({ filter: /\.test\.ts$/ }, ({ path }) => {
      setDefaultTimeout(TIMEOUT_MS);
      return { contents: readFileSync(path, 'utf8'), loader: 'ts' };
    });
  },
});
