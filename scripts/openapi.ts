/**
 * Lints the API document of the built server with Redocly and Spectral: any finding fails. The document stays in
 * .cache/openapi.json, for whoever wants to read it or to generate a client from it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startServer } from '@test/support/server.ts';

const ROOT = resolve(import.meta.dir, '..');
const CACHE = join(ROOT, '.cache');
const DOCUMENT = join(CACHE, 'openapi.json');

/** Neither may call home: the checks also run on closed networks. Spectral does not anyway. */
const SILENT = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };

const LINTERS: Readonly<Record<string, readonly string[]>> = {
  redocly: ['redocly', 'lint', '--config', '.redocly.yaml', '--format', 'stylish', DOCUMENT],
  spectral: ['spectral', 'lint', '--ruleset', '.spectral.yaml', '--fail-severity', 'hint', DOCUMENT],
};

async function writeDocument(): Promise<void> {
  await using server = await startServer({ workers: 1, args: ['--role', 'api'] });
  const { text } = await server.request('GET', '/api/openapi.json');
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(DOCUMENT, JSON.stringify(JSON.parse(text), null, 2));
}

async function lint([name, command]: readonly [string, readonly string[]]): Promise<boolean> {
  const child = Bun.spawn([process.execPath, 'run', '--bun', ...command], {
    cwd: ROOT,
    env: { ...process.env, ...SILENT },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) console.error(`${name}:\n${stdout}${stderr}`);
  return code === 0;
}

async function main(): Promise<number> {
  await writeDocument();
  const good = await Promise.all(Object.entries(LINTERS).map(lint));
  return good.every(Boolean) ? 0 : 1;
}

process.exit(await main());
