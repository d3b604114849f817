/**
 * Workers killed with SIGKILL while clients write: clients lose at most what was in flight on that worker,
 * everything acknowledged is there afterwards, the audit chain holds, and no count goes backwards.
 */
import { expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder, runBinary, startServer } from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';

const CLIENTS = 16;
const KILLS = 3;

test('SIGKILL of workers under load loses nothing that was acknowledged', async () => {
  const dataDir = newFolder();
  try {
    const acknowledged = new Set<string>();
    let failures = 0;
    {
      await using server = await startServer({ workers: 4, dataDir });
      const token = await server.adminToken();
      let done = false;
      const totals: number[] = [];
      const client = async () => {
        while (!done) {
          const answer = await server
            .request('POST', '/api/leads', { token, body: { email: `${crypto.randomUUID()}@example.com` } })
            .catch(() => null);
          if (answer?.status === 201) acknowledged.add(answer.json<{ id: string }>().id);
          else failures += 1;
        }
      };
      const watcher = async () => {
        while (!done) {
          const answer = await server.request('GET', '/metrics').catch(() => null);
          if (answer)
            totals.push(answer.json<{ metrics: { requests_total: number } }>().metrics.requests_total);
        }
      };
      const load = [...Array.from({ length: CLIENTS }, client), watcher()];
      for (let kill = 0; kill < KILLS; kill += 1) {
        const target = acknowledged.size + 300;
        await until(() => acknowledged.size >= target);
        const [victim = 0] = server.workerPids();
        process.kill(victim, 'SIGKILL');
        await until(() => !server.workerPids().includes(victim) && server.workerPids().length === 4);
      }
      done = true;
      await Promise.all(load);
      expect(failures).toBeLessThanOrEqual(KILLS * CLIENTS);
      expect(totals).toEqual(totals.toSorted((a, b) => a - b));
      expect(totals.at(-1)).toBeGreaterThanOrEqual(acknowledged.size);
    }

    await using again = await startServer({ workers: 2, dataDir });
    const token = await again.adminToken();
    const stored = new Set<string>();
    for (let skip = 0; ; skip += 1000) {
      const page = (await again.request('GET', `/api/leads?limit=1000&skip=${skip}`, { token })).json<{
        leads: { id: string }[];
      }>();
      for (const { id } of page.leads) stored.add(id);
      if (page.leads.length < 1000) break;
    }
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);

    const backup = await again.request('POST', '/api/admin/audit/backup?compress=true', { token });
    const file = join(dataDir, 'backups', 'audit', backup.json<{ backup_file: string }>().backup_file);
    const verdict = await runBinary(['audit', 'verify', file, '--data-dir', dataDir]);
    expect(`${verdict.stdout}${verdict.stderr}`).not.toContain('FAILED');
    expect(verdict.code).toBe(0);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 120_000);
