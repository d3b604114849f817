/**
 * Runs before every test file: what stands in the developer's own environment must neither change a result nor be
 * changed or shown by a test.
 */
const OWN = /^(AO_|JWT_SECRET|DATABASE_URL$|PG[A-Z]+$|REDIS_)/;

for (const name of Object.keys(process.env)) {
  if (OWN.test(name)) delete process.env[name];
}
