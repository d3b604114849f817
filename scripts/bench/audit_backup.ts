/**
 * Measures the audit log at size: how fast events are written and sealed, and how long and in how much memory
 * they are backed up and verified. Prints a Markdown table.
 *
 *   bun scripts/bench/audit_backup.ts [--megabytes 1000] [--folder DIR]
 *
 * Each backup and verification runs in a process of its own, so that its peak memory is its own.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AuditBackups } from '@/features/audit/backup.ts';
import { trustedKeys } from '@/features/audit/keys.ts';
import { AuditSealer } from '@/features/audit/seal.ts';
import { AuditLog, type AuditRecord } from '@/features/audit/service.ts';
import { verifyBackup } from '@/features/audit/verify.ts';
import { verifyChain } from '@/features/audit/verify_chain.ts';
import { dataPaths } from '@/platform/config/paths.ts';
import { migrate } from '@/platform/db/migrate.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { newId } from '@/platform/time/clock.ts';
import { MIGRATIONS } from '@/server/composition.ts';

const WRITERS = 1000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    megabytes: { type: 'string', default: '1000' },
    folder: { type: 'string', default: tmpdir() },
  },
});

interface Measured {
  readonly seconds: number;
  /** Longest time that a timer of this process had to wait. */
  readonly blockedMs: number;
  readonly peakRssMb: number;
  readonly result: string;
}

async function open(folder: string) {
  const paths = dataPaths(folder);
  const url = 'sqlite:bench.sqlite3';
  const db = await openDatabase({ url, poolSize: 1, paths, log: silentLogger, turns: 'local' });
  const audit = new AuditLog({ db });
  const sealer = new AuditSealer({ db, paths, log: silentLogger });
  const backups = new AuditBackups({ db, paths, log: silentLogger, audit, sealer });
  return { paths, db, audit, sealer, backups };
}

const event = (): AuditRecord => ({
  actor: { type: 'user', id: newId(), name: 'bench', requestId: newId(), address: '127.0.0.1' },
  action: 'lead.updated',
  target: { type: 'lead', id: newId() },
  details: { fields: ['email', 'phone'] },
});

/** From the kernel: what `getrusage` says begins with the memory of the process that started this one. */
async function peakRssMb(): Promise<number> {
  const status = await Bun.file('/proc/self/status').text();
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

async function measure(work: () => Promise<string>): Promise<Measured> {
  let blockedMs = 0;
  let last = performance.now();
  const watch = setInterval(() => {
    blockedMs = Math.max(blockedMs, performance.now() - last - 1);
    last = performance.now();
  }, 1);
  const started = performance.now();
  const result = await work();
  const seconds = (performance.now() - started) / 1000;
  clearInterval(watch);
  return { seconds, blockedMs, peakRssMb: await peakRssMb(), result };
}

/** What a child process does. */
async function child(step: string, folder: string, file: string): Promise<void> {
  const { paths, db, sealer, backups } = await open(folder);
  const actor = event().actor;
  const steps: Record<string, () => Promise<string>> = {
    plain: async () => JSON.stringify(await backups.create(actor, { compress: false })),
    gzip: async () => JSON.stringify(await backups.create(actor, { compress: true })),
    verify: async () =>
      JSON.stringify(
        await verifyBackup(join(paths.auditBackups, file), { trusted: await trustedKeys(paths) }),
      ),
    chain: async () => JSON.stringify(await verifyChain({ db, paths, trusted: [await sealer.key()] })),
  };
  const work = steps[step];
  if (!work) throw new Error(`no such step: ${step}`);
  console.log(JSON.stringify(await measure(work)));
  await db.close();
}

async function inChild(step: string, folder: string, file = ''): Promise<Measured> {
  const command = [process.execPath, import.meta.path, step, folder, file];
  const process_ = Bun.spawn(command, { stdout: 'pipe', stderr: 'inherit' });
  const text = await new Response(process_.stdout).text();
  if ((await process_.exited) !== 0) throw new Error(`${step} failed`);
  return JSON.parse(text) as Measured;
}

async function fill(
  folder: string,
  bytes: number,
): Promise<{ events: number; write: Measured; seal: Measured }> {
  const { db, audit, sealer } = await open(folder);
  await migrate(db, MIGRATIONS, silentLogger);
  let events = 0;
  const round = async (): Promise<void> => {
    await Promise.all(Array.from({ length: WRITERS }, () => audit.recordAlone(event())));
    events += WRITERS;
  };
  // A line of a backup of such an event has about 480 bytes.
  const wanted = Math.ceil(bytes / 480 / WRITERS) * WRITERS;
  const write = await measure(async () => {
    while (events < Math.min(wanted, 50_000)) await round();
    return `${events} events`;
  });
  const seal = await measure(async () => `${(await sealer.sealNow()).seq} events`);
  while (events < wanted) {
    await round();
    if (events % 50_000 === 0) await sealer.sealNow();
  }
  await sealer.sealNow();
  await db.close();
  return { events, write, seal };
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(values.folder, 'ao-audit-bench-'));
  try {
    const { events, write, seal } = await fill(folder, Number(values.megabytes) * 1_000_000);
    const first = Math.min(events, 50_000);
    const rows: string[][] = [
      ['write, 1000 callers at once', `${Math.round(first / write.seconds)} events/s`, '', '', ''],
      ['seal', `${Math.round(first / seal.seconds)} events/s`, '', '', `${seal.blockedMs.toFixed(0)} ms`],
    ];
    for (const kind of ['plain', 'gzip']) {
      const made = await inChild(kind, folder);
      const { backup_file, size_bytes } = JSON.parse(made.result) as {
        backup_file: string;
        size_bytes: number;
      };
      rows.push(row(`backup ${kind}`, made, `${(size_bytes / 1e6).toFixed(0)} MB`));
      const checked = await inChild('verify', folder, backup_file);
      rows.push(row(`verify ${kind}`, checked, verdict(checked)));
    }
    const chain = await inChild('chain', folder);
    rows.push(row('verify live chain', chain, verdict(chain)));
    console.log(
      `${events} events\n\n| step | result | time | peak memory | longest block |\n|---|---|---|---|---|`,
    );
    for (const cells of rows) console.log(`| ${cells.join(' | ')} |`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const verdict = ({ result }: Measured): string =>
  (JSON.parse(result) as { ok: boolean }).ok ? 'good' : result;

const row = (step: string, { seconds, peakRssMb, blockedMs }: Measured, result: string): string[] => [
  step,
  result,
  `${seconds.toFixed(1)} s`,
  `${peakRssMb.toFixed(0)} MB`,
  `${blockedMs.toFixed(0)} ms`,
];

const [step, folder, file = ''] = positionals;
if (step !== undefined && folder !== undefined) await child(step, folder, file);
else await main();
