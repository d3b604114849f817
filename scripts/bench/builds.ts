/**
 * Two executables side by side in one run, in turn, so that a machine that speeds up or slows down meets both: requests a
 * second, and runs a second of three steps that do nothing.
 *
 *   bun scripts/bench/builds.ts OTHER [--rounds 3] [--seconds 4] [--workers 4] [--runs 4000]
 *
 * OTHER is an executable built earlier; ratios are of dist/automation-orchestrator to it, by the medians of all rounds.
 * Exits 1 when any request failed.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { temporaryFolder } from '@test/support/folder.ts';
import { type RunningServer, startServer } from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';
import { measure, type Target } from './load.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    workers: { type: 'string', default: '4' },
    runs: { type: 'string', default: '4000' },
  },
});
const [other] = positionals;
if (other === undefined) {
  console.error('bun scripts/bench/builds.ts OTHER: name the executable to compare with');
  process.exit(2);
}
const workers = Number(flags.workers);
const seconds = Number(flags.seconds);
const runs = Number(flags.runs);
const CONNECTIONS = 50;
const BUILDS = { new: resolve(import.meta.dir, '../../dist/automation-orchestrator'), old: resolve(other) };
type Build = keyof typeof BUILDS;

const config = {
  rate_limit: { enabled: true, max_requests: 1_000_000_000, window_seconds: 1 },
  log: { requests: false },
};
const results = new Map<string, Record<Build, number[]>>();
let failures = 0;

function note(what: string, build: Build, perSecond: number): void {
  const row = results.get(what) ?? { new: [], old: [] };
  row[build].push(perSecond);
  results.set(what, row);
}

async function requests(build: Build): Promise<void> {
  await using server = await startServer({ binary: BUILDS[build], workers, config });
  const token = await server.adminToken();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ first_name: 'Ada', email: 'ada@example.com', source: 'bench' });
  const targets: Record<string, Target> = {
    '/health': { url: `${server.url}/health` },
    '/api/auth/me': { url: `${server.url}/api/auth/me`, headers },
    'GET /api/leads?limit=20': { url: `${server.url}/api/leads?limit=20`, headers },
    // Last: it fills the table.
    'POST /api/leads': { url: `${server.url}/api/leads`, method: 'POST', headers, body },
  };
  for (let lead = 0; lead < 100; lead += 1) {
    await server.request('POST', '/api/leads', { token, body: { email: `lead${lead}@example.com` } });
  }
  for (const [what, target] of Object.entries(targets)) {
    await measure(target, 2, CONNECTIONS);
    const figures = await measure(target, seconds, CONNECTIONS);
    failures += figures.failures;
    note(what, build, figures.perSecond);
  }
}

const completed = async (server: RunningServer): Promise<number> => {
  const { text } = await server.request('GET', '/metrics', { headers: { accept: 'text/plain' } });
  return Number(/^ao_runs_total\{.*outcome="completed".*\} (\d+)/m.exec(text)?.[1] ?? 0);
};

/** Queued while nobody carries out runs, then carried out from a standing start. */
async function engine(build: Build): Promise<void> {
  await using folder = temporaryFolder();
  const options = { binary: BUILDS[build], workers, config, dataDir: folder.path };
  {
    await using server = await startServer({ ...options, args: ['--role', 'api'] });
    const token = await server.adminToken();
    const steps = ['one', 'two', 'three'].map((id) => ({ id, type: 'delay', duration_ms: 0 }));
    const made = await server.request('POST', '/api/workflows', {
      token,
      body: { name: 'bench', trigger: 'manual', steps },
    });
    const { id: workflow_id } = made.json<{ id: string }>();
    let left = runs;
    const client = async (): Promise<void> => {
      while (left-- > 0) {
        const { status } = await server.request('POST', '/api/workflows/trigger', {
          token,
          body: { workflow_id },
        });
        if (status !== 202) failures += 1;
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, client));
  }
  const started = performance.now();
  await using server = await startServer(options);
  await until(async () => (await completed(server)) >= runs, { timeoutMs: 120_000, intervalMs: 10 });
  note(`runs, start included`, build, (runs * 1000) / (performance.now() - started));
}

for (let round = 0; round < Number(flags.rounds); round += 1) {
  for (const build of round % 2 === 0 ? (['new', 'old'] as const) : (['old', 'new'] as const)) {
    await requests(build);
    await engine(build);
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
console.table(
  [...results].map(([what, row]) => ({
    what,
    'new, per second': Math.round(median(row.new)),
    'old, per second': Math.round(median(row.old)),
    ratio: +(median(row.new) / median(row.old)).toFixed(3),
  })),
);
if (failures > 0) console.error(`${failures} requests failed`);
process.exitCode = failures > 0 ? 1 : 0;
