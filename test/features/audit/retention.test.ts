import { expect, test } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADMIN, type AuditFixture, auditOver } from '@test/support/audit.ts';
import { forEachDatabase } from '@test/support/databases.ts';
import { trustedKeys } from '@/features/audit/keys.ts';
import { firstSeq, sealedEvents } from '@/features/audit/store.ts';
import { verifyBackup } from '@/features/audit/verify.ts';
import { verifyChain } from '@/features/audit/verify_chain.ts';
import { holdStill } from '@/platform/time/clock.ts';

const DAY_MS = 86_400_000;

/** Six events of 40 days ago, then four of now; retention keeps 30 days. */
async function aged(fixture: AuditFixture): Promise<AuditFixture> {
  const release = holdStill({ now: () => Date.now() - 40 * DAY_MS });
  try {
    await fixture.write(6);
    await fixture.sealer.sealNow();
  } finally {
    release();
  }
  await fixture.write(4);
  await fixture.sealer.sealNow();
  return fixture;
}

const verdictOn = async ({ db, folder }: AuditFixture) =>
  verifyChain({ db, paths: folder.paths, trusted: await trustedKeys(folder.paths) });

forEachDatabase('retention', (open) => {
  test('removes old events that a backup holds, and the rest can still be verified', async () => {
    await using fixture = await aged(auditOver(await open(), { retention_days: 30 }));
    const before = await fixture.backups.create(ADMIN, { compress: true });
    expect(await fixture.retention.prune(ADMIN)).toBe(6);
    expect(await firstSeq(fixture.db.read)).toBe(7);
    await fixture.sealer.sealNow();
    expect(await verdictOn(fixture)).toMatchObject({ ok: true, first_seq: 7, last_seq: 12, problems: [] });

    const after = await fixture.backups.create(ADMIN, { compress: true });
    const trusted = await trustedKeys(fixture.folder.paths);
    for (const [{ backup_file }, first_seq] of [
      [before, 1],
      [after, 7],
    ] as const) {
      const file = join(fixture.folder.paths.auditBackups, backup_file);
      expect(await verifyBackup(file, { trusted })).toMatchObject({ ok: true, first_seq });
    }
    expect(await fixture.retention.prune(ADMIN)).toBe(0);
  });

  test('records what it removed, and through which event', async () => {
    await using fixture = await aged(auditOver(await open(), { retention_days: 30 }));
    const { backup_file } = await fixture.backups.create(ADMIN, { compress: false });
    await fixture.retention.prune(ADMIN);
    const { events } = await fixture.audit.events({ limit: 1, action: 'audit.pruned' });
    expect(events[0]?.details).toMatchObject({ through_seq: 6, backup_file });
  });

  test('removes nothing without a backup, or with a damaged one only', async () => {
    await using fixture = await aged(auditOver(await open(), { retention_days: 30 }));
    expect(await fixture.retention.prune(ADMIN)).toBe(0);
    expect(fixture.logged).toEqual(['audit retention waits for a backup']);
    const { backup_file } = await fixture.backups.create(ADMIN, { compress: false });
    const file = join(fixture.folder.paths.auditBackups, backup_file);
    writeFileSync(file, (await Bun.file(file).text()).replace('lead-3', 'lead-4'));
    expect(await fixture.retention.prune(ADMIN)).toBe(0);
    expect(fixture.logged).toContain('audit backup is damaged');
    expect(await firstSeq(fixture.db.read)).toBe(1);
  });

  test('keeps everything unless the configuration says otherwise', async () => {
    await using fixture = await aged(auditOver(await open()));
    await fixture.backups.create(ADMIN, { compress: false });
    expect(await fixture.retention.prune(ADMIN)).toBe(0);
  });

  test('finishes a removal that a crash interrupted, and verification bears it meanwhile', async () => {
    await using fixture = await aged(auditOver(await open(), { retention_days: 30 }));
    await fixture.backups.create(ADMIN, { compress: false });
    const removed = await sealedEvents(fixture.db.read, 3, 6, 10);
    expect(await fixture.retention.prune(ADMIN)).toBe(6);
    await fixture.db.write((trx) => trx.insertInto('audit_events').values(removed).execute());
    expect(await verdictOn(fixture)).toMatchObject({ ok: true, first_seq: 7 });
    expect(await fixture.retention.prune(ADMIN)).toBe(3);
    expect(await firstSeq(fixture.db.read)).toBe(7);
  });

  test('still shows events that somebody else removed, before and after the anchor', async () => {
    await using fixture = await aged(auditOver(await open(), { retention_days: 30 }));
    await fixture.backups.create(ADMIN, { compress: false });
    await fixture.retention.prune(ADMIN);
    await fixture.sealer.sealNow();
    await fixture.db.write((trx) => trx.deleteFrom('audit_events').where('seq', '=', 7).execute());
    expect((await verdictOn(fixture)).problems).toEqual(['event 7 is missing']);
    await fixture.db.write((trx) =>
      trx.deleteFrom('audit_events').where('action', '=', 'audit.pruned').execute(),
    );
    expect((await verdictOn(fixture)).ok).toBe(false);
  });

  test('does not need the backups of the removed events afterwards', async () => {
    await using fixture = await aged(auditOver(await open(), { retention_days: 30 }));
    const { backup_file } = await fixture.backups.create(ADMIN, { compress: false });
    await fixture.retention.prune(ADMIN);
    rmSync(join(fixture.folder.paths.auditBackups, backup_file));
    expect((await verdictOn(fixture)).ok).toBe(true);
  });
});
