/** A short run of the stress driver: every call of the lead desk passes, and the report is written. */
import { expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { newFolder } from '@test/support/server.ts';

test('50 users for 20 s: 100 % of the calls pass, with hardening on and off', async () => {
  const folder = newFolder();
  try {
    const script = resolve(import.meta.dir, '../../scripts/stress.ts');
    const child = Bun.spawn(
      [process.execPath, script, '--users', '50', '--duration', '20', '--ramp', '5', '--report', folder],
      { stdout: 'pipe', stderr: 'pipe' },
    );
    const [said, complaints, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    expect(`${said}${complaints}`).toContain('hardening on');
    expect(`${said}${complaints}`).not.toMatch(/ 9\d\.\d+ % passed/);
    expect(code).toBe(0);
    const report = await Bun.file(join(folder, 'report.md')).text();
    expect(report).toContain('## Overhead of hardening');
    expect(report).toContain('| POST /api/leads |');
    for (const chart of ['throughput.svg', 'latency.svg', 'routes.svg']) {
      expect(await Bun.file(join(folder, chart)).text()).toStartWith('<svg');
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
