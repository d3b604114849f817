import { afterAll, describe, expect, test } from 'bun:test';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ADMIN, type AuditFixture, auditOver } from '@test/support/audit.ts';
import { forEachDatabase, sqliteOpener } from '@test/support/databases.ts';
import { describeWith } from '@test/support/services.ts';
import { AuditBackups } from '@/features/audit/backup.ts';
import { backupStem, parseBackupName } from '@/features/audit/backup_name.ts';
import { trustedKeys } from '@/features/audit/keys.ts';
import { verifyBackup } from '@/features/audit/verify.ts';
import { StorageFull } from '@/platform/errors/problem.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { openMetrics } from '@/platform/metrics/store.ts';
import { holdStill } from '@/platform/time/clock.ts';

const NOON = Date.parse('2026-11-24T12:00:00.500Z');

const fileOf = ({ folder }: AuditFixture, name: string): string => join(folder.paths.auditBackups, name);
const eventsIn = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

forEachDatabase('a backup', (open) => {
  test('holds every event committed before it, as JSON lines, and can be verified', async () => {
    await using fixture = auditOver(await open());
    await fixture.write(600, { details: { fields: ['email'] } });
    const made = await fixture.backups.create(ADMIN, { compress: true });
    expect(made).toMatchObject({ compressed: true, events: 600, last_seq: 600 });
    const bytes = readFileSync(fileOf(fixture, made.backup_file));
    expect(bytes.length).toBe(made.size_bytes);
    const events = eventsIn(gunzipSync(bytes).toString());
    expect(events).toHaveLength(600);
    expect(events[0]).toMatchObject({
      seq: 1,
      actor: { type: 'user', id: ADMIN.id, name: null },
      action: 'lead.created',
      target: { type: 'lead', id: 'lead-0' },
      outcome: 'success',
      request_id: 'request-1',
      address: '127.0.0.1',
      details: { fields: ['email'] },
    });
    const trusted = await trustedKeys(fixture.folder.paths);
    expect(await verifyBackup(fileOf(fixture, made.backup_file), { trusted })).toMatchObject({ ok: true });
  });

  test('is itself an event, and so is one that failed', async () => {
    await using fixture = auditOver(await open());
    const made = await fixture.backups.create(ADMIN, { compress: false });
    writeFileSync(join(fixture.folder.path, 'backups', 'blocked'), '');
    const elsewhere = {
      ...fixture.folder.paths,
      auditBackups: join(fixture.folder.path, 'backups', 'blocked'),
    };
    const failing = new AuditBackups({ ...fixture, paths: elsewhere, log: silentLogger });
    await expect(failing.create(ADMIN, { compress: false })).rejects.toThrow();
    const { events } = await fixture.audit.events({ limit: 10, action: 'audit.*' });
    expect(events).toMatchObject([
      { action: 'audit.backup_created', outcome: 'failure' },
      { action: 'audit.backup_created', outcome: 'success', target: { id: made.backup_file } },
    ]);
  });

  test('that succeeded last is in the metrics, also when its file was taken elsewhere and a later one failed', async () => {
    await using fixture = auditOver(await open());
    const metrics = openMetrics({ folder: fixture.folder.paths.metrics, file: 0 });
    const clock = { now: NOON };
    using _still = { [Symbol.dispose]: holdStill({ now: () => clock.now }) };
    const backups = new AuditBackups({ ...fixture, paths: fixture.folder.paths, log: silentLogger, metrics });
    const lastSuccess = async (): Promise<number | undefined> => {
      const families = await metrics.collect();
      const family = families.find(({ name }) => name === 'ao_backup_last_success_timestamp_seconds');
      return family?.kind === 'gauge' ? family.samples[0]?.value : undefined;
    };
    expect(await lastSuccess()).toBe(0);
    clock.now += 60_000;
    const made = await backups.create(ADMIN, { compress: false });
    const at = clock.now / 1000;
    rmSync(fileOf(fixture, made.backup_file));
    clock.now += 60_000;
    const failure = { actor: ADMIN, action: 'audit.backup_created', outcome: 'failure' } as const;
    await fixture.audit.recordAlone(failure);
    expect(await lastSuccess()).toBe(at);
    metrics.close();
  });

  test('made while others write and seal holds a whole chain', async () => {
    await using fixture = auditOver(await open());
    await fixture.write(50);
    const other = fixture.otherSealer();
    const work = [fixture.write(100), other.sealNow(), other.sealNow()];
    const made = await Promise.all(
      [true, false].map((compress) => fixture.backups.create(ADMIN, { compress })),
    );
    await Promise.all(work);
    const trusted = await trustedKeys(fixture.folder.paths);
    for (const { backup_file, last_seq } of made) {
      expect(last_seq).toBeGreaterThanOrEqual(50);
      expect(await verifyBackup(fileOf(fixture, backup_file), { trusted })).toMatchObject({
        ok: true,
        last_seq,
      });
    }
  });

  test('of a chain that somebody changed in the database is made, and its verification says so', async () => {
    await using fixture = auditOver(await open());
    await fixture.write(9);
    await fixture.sealer.sealNow();
    await fixture.db.write(async (trx) => {
      await trx.updateTable('audit_events').set({ action: 'lead.deleted' }).where('seq', '=', 4).execute();
      await trx.updateTable('audit_events').set({ details: '{ }' }).where('seq', '=', 6).execute();
      await trx.updateTable('audit_events').set({ details: '{}\n{"seq":9}' }).where('seq', '=', 7).execute();
      await trx.deleteFrom('audit_events').where('seq', '=', 8).execute();
    });
    const { backup_file } = await fixture.backups.create(ADMIN, { compress: true });
    expect(fixture.logged).toContain('the audit chain is damaged');
    const trusted = await trustedKeys(fixture.folder.paths);
    expect((await verifyBackup(fileOf(fixture, backup_file), { trusted })).problems).toEqual([
      'event 4 was changed: its hash does not match',
      'event 6 was changed: its hash does not match',
      'event 7 was changed: its hash does not match',
      'event 8 is missing',
    ]);
  });
});

describe('names', () => {
  const open = sqliteOpener();

  test('of backups in one second do not collide, whoever makes them, and keep their order', async () => {
    await using fixture = auditOver(await open());
    const release = holdStill({ now: () => NOON });
    try {
      const kinds = Array.from({ length: 12 }, (_, index) => index % 2 === 0);
      const made: string[] = [];
      for (const compress of kinds.slice(0, 4)) {
        made.push((await fixture.backups.create(ADMIN, { compress })).backup_file);
      }
      expect(made).toEqual([
        'audit_backup_20261124_120000.log.gz',
        'audit_backup_20261124_120000_002.log',
        'audit_backup_20261124_120000_003.log.gz',
        'audit_backup_20261124_120000_004.log',
      ]);
      const rest = kinds.slice(4).map((compress) => fixture.backups.create(ADMIN, { compress }));
      const all = [...made, ...(await Promise.all(rest)).map(({ backup_file }) => backup_file)];
      expect(new Set(all.map((name) => parseBackupName(name)?.stem)).size).toBe(12);
      const listed = (await fixture.backups.list()).map(({ backup_file }) => backup_file);
      expect(listed).toHaveLength(12);
      expect(listed.slice(-4)).toEqual([...made].reverse());
    } finally {
      release();
    }
  });

  test('are sorted by the time they were made, newest first', async () => {
    await using fixture = auditOver(await open());
    const stems = [
      backupStem(NOON, 1),
      backupStem(NOON, 2),
      backupStem(NOON, 10),
      backupStem(NOON + 1000, 1),
    ];
    expect([...stems].sort()).toEqual(stems);
    for (const stem of stems) writeFileSync(fileOf(fixture, `${stem}.log`), 'x');
    const listed = await fixture.backups.list();
    expect(listed.map(({ backup_file }) => backup_file)).toEqual(
      stems.map((stem) => `${stem}.log`).reverse(),
    );
    expect(listed[0]).toEqual({
      backup_file: 'audit_backup_20261124_120001.log',
      size_bytes: 1,
      created_at: '2026-11-24T12:00:01.000Z',
    });
  });

  test('lead nowhere but into the folder', async () => {
    await using fixture = auditOver(await open());
    const { backup_file } = await fixture.backups.create(ADMIN, { compress: false });
    expect(await fixture.backups.open(backup_file)).toMatchObject({ name: backup_file });
    const link = 'audit_backup_20200101_000000.log';
    symlinkSync('/etc/passwd', fileOf(fixture, link));
    mkdirSync(fileOf(fixture, 'audit_backup_20200101_000001.log'));
    writeFileSync(fileOf(fixture, 'notes.txt'), '');
    const names = [
      '../../secrets/audit_key',
      `./${backup_file}`,
      `${backup_file}/`,
      `${backup_file}\0`,
      `../audit/${backup_file}`,
      'audit_backup_20200101_000001.log',
      'audit_backup_99999999_999999.log',
      'notes.txt',
      '.',
      '',
      link,
    ];
    for (const name of names) await expect(fixture.backups.open(name)).rejects.toThrow('no such backup');
    expect(await fixture.backups.list()).toHaveLength(1);
  });
});

describe('clean-up', () => {
  const open = sqliteOpener();

  test('keeps the newest backups and records each removal', async () => {
    await using fixture = auditOver(await open());
    const names = [1, 2, 3, 4].map((nth) => `${backupStem(NOON, nth)}.log.gz`);
    for (const name of names) writeFileSync(fileOf(fixture, name), '');
    expect(await fixture.backups.prune(ADMIN, 3)).toBe(1);
    expect(await fixture.backups.prune(ADMIN, 3)).toBe(0);
    expect(readdirSync(fixture.folder.paths.auditBackups).sort()).toEqual(names.slice(1).sort());
    const { events } = await fixture.audit.events({ limit: 10, action: 'audit.backup_removed' });
    expect(events).toMatchObject([{ target: { type: 'audit_backup', id: names[0] } }]);
  });

  test('removes what a killed process left, not what another one is writing', async () => {
    await using fixture = auditOver(await open());
    const old = fileOf(fixture, '.audit_backup_20200101_000000.part');
    writeFileSync(old, '');
    utimesSync(old, 0, 0);
    writeFileSync(fileOf(fixture, '.audit_backup_20200101_000001.part'), '');
    await fixture.backups.create(ADMIN, { compress: false });
    const parts = readdirSync(fixture.folder.paths.auditBackups).filter((name) => name.startsWith('.'));
    expect(parts).toEqual(['.audit_backup_20200101_000001.part']);
  });
});

/** Needs the right to mount; the continuous integration has it. */
const mountPoints: string[] = [];
const mounted = (folder: string): boolean => {
  const done = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder]).success;
  if (done) mountPoints.push(folder);
  return done;
};
const mayMount = Bun.spawnSync([
  'sh',
  '-c',
  'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d"',
]).success;
const unmountAll = (): void => {
  for (const folder of mountPoints.splice(0)) Bun.spawnSync(['umount', folder]);
};
afterAll(unmountAll);

describeWith('the right to mount', mayMount, 'on a full disk', () => {
  const open = sqliteOpener();

  test.each([false, true])(
    'the answer is 507, nothing is left, and the next one works (gzip %p)',
    async (compress) => {
      await using fixture = auditOver(await open());
      expect(mounted(fixture.folder.paths.auditBackups)).toBe(true);
      const random = (): string =>
        Buffer.from(crypto.getRandomValues(new Uint8Array(600))).toString('base64');
      await fixture.db.write(async (trx) => {
        for (let index = 0; index < 1200; index += 1) {
          await fixture.audit.record(trx, {
            actor: ADMIN,
            action: 'lead.updated',
            details: { noise: random() },
          });
        }
      });
      await expect(fixture.backups.create(ADMIN, { compress })).rejects.toBeInstanceOf(StorageFull);
      expect(readdirSync(fixture.folder.paths.auditBackups)).toEqual([]);
      expect(fixture.logged).toEqual(['audit backup failed']);
      unmountAll();
      const { backup_file } = await fixture.backups.create(ADMIN, { compress });
      const trusted = await trustedKeys(fixture.folder.paths);
      expect(await verifyBackup(fileOf(fixture, backup_file), { trusted })).toMatchObject({
        ok: true,
        events: 1201,
      });
    },
  );
});
