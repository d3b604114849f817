/**
 * Drives the day of a lead desk against the compiled binary, with hardening on and off, and writes a report.
 *
 *   bun scripts/stress.ts --users 50 --duration 600 --ramp 10 [--workers 4] [--report stress-report]
 *
 * Exits 1 when any call did not get the answer it should have.
 */
import { parseArgs } from 'node:util';
import { type RunningServer, startServer } from '@test/support/server.ts';
import { type Outcome, writeReport } from './stress/report.ts';
import { type Load, runLoad } from './stress/scenario.ts';
import { summarise } from './stress/statistics.ts';

const { values: flags } = parseArgs({
  options: {
    users: { type: 'string', default: '50' },
    duration: { type: 'string', default: '600' },
    ramp: { type: 'string', default: '10' },
    workers: { type: 'string', default: '4' },
    report: { type: 'string', default: 'stress-report' },
  },
});

function positive(name: 'users' | 'duration' | 'ramp' | 'workers'): number {
  const value = Number(flags[name]);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0, not ${flags[name]}`);
  return value;
}

const load: Load = {
  users: positive('users'),
  durationMs: positive('duration') * 1000,
  rampMs: positive('ramp') * 1000,
  thinkMs: [1000, 3000],
};
const workers = positive('workers');

async function makeUsers(server: RunningServer): Promise<Map<string, string>> {
  const token = await server.adminToken();
  const passwords = new Map<string, string>();
  for (let index = 0; index < load.users; index += 1) {
    const username = `desk-${index}`;
    const password = `a password for desk ${index}`;
    const made = await server.request('POST', '/api/users', {
      token,
      body: { username, password, role: 'operator' },
    });
    if (made.status !== 201) throw new Error(`cannot make ${username}: ${made.status} ${made.text}`);
    passwords.set(username, password);
  }
  return passwords;
}

/** CPU seconds used so far by the server and its workers, from /proc; 0 where there is none. */
function cpuSeconds(server: RunningServer): number {
  const ticks = [server.child.pid, ...server.workerPids()].map((pid) => {
    const stat = Bun.spawnSync(['cat', `/proc/${pid}/stat`]).stdout.toString();
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return ticks.reduce((sum, tick) => sum + tick, 0) / 100;
}

async function measure(hardened: boolean): Promise<Outcome> {
  const name = hardened ? 'hardening on' : 'hardening off';
  await using server = await startServer({
    workers,
    config: hardened
      ? { rate_limit: { enabled: true, max_requests: 240, window_seconds: 60 }, log: { requests: true } }
      : { auth: { enabled: false }, rate_limit: { enabled: false }, log: { requests: false } },
  });
  const passwords = hardened ? await makeUsers(server) : null;
  let settledAtMs = 0;
  let before = 0;
  const calls = await runLoad(server, load, passwords, (atMs) => {
    settledAtMs = atMs;
    before = cpuSeconds(server);
  });
  const outcome: Outcome = { name, calls, settledAtMs, cpuSeconds: cpuSeconds(server) - before };
  const { passRate, p50, p99 } = summarise(calls);
  console.log(
    `${name}: ${calls.length} calls, ${passRate.toFixed(2)} % passed, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
  );
  return outcome;
}

const outcomes = [await measure(true), await measure(false)];
console.log(`report: ${writeReport(flags.report, load, workers, outcomes)}`);
process.exitCode = outcomes.every(({ calls }) => calls.length > 0 && calls.every((call) => call.ok)) ? 0 : 1;
