import { describe, expect, test } from 'bun:test';
import { appendFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { ADMIN, auditOver } from '@test/support/audit.ts';
import { forEachDatabase } from '@test/support/databases.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { until } from '@test/support/wait.ts';
import { BEGINNING, chainHash, eventText } from '@/features/audit/canonical.ts';
import { HeadsFile, isSigned, signHead } from '@/features/audit/heads.ts';
import { loadSigningKey, parsePublicKey, trustedKeys } from '@/features/audit/keys.ts';
import { countUnsealed, newestHead, sealedEvents } from '@/features/audit/store.ts';
import { holdStill, now } from '@/platform/time/clock.ts';

forEachDatabase('sealing', (open) => {
  test('gives every committed event its place and a hash over all before it', async () => {
    await using fixture = auditOver(await open());
    await fixture.write(7);
    expect(await fixture.sealer.sealNow()).toMatchObject({ seq: 7 });
    let { hash } = BEGINNING;
    const events = await sealedEvents(fixture.db.read, 0, 100, 100);
    for (const [index, event] of events.entries()) {
      hash = chainHash(hash, eventText(event, index + 1));
      expect(event).toMatchObject({ seq: index + 1, hash });
    }
    expect(events).toHaveLength(7);
    expect(await newestHead(fixture.db.read)).toMatchObject({ seq: 7, hash });
  });

  test('goes on where it ended, over several batches, with a signed head in the file for each', async () => {
    await using fixture = auditOver(await open());
    for (let round = 0; round < 13; round += 1) {
      await fixture.db.write(async (trx) => {
        for (let n = 0; n < 100; n += 1) {
          await fixture.audit.record(trx, { actor: ADMIN, action: 'lead.created' });
        }
      });
    }
    expect(await fixture.sealer.sealNow()).toMatchObject({ seq: 1300 });
    await fixture.write(1);
    expect(await fixture.sealer.sealNow()).toMatchObject({ seq: 1301 });
    const { heads, damaged } = (await new HeadsFile(fixture.folder.paths.auditHeads).read()) ?? {};
    expect(heads?.map(({ seq }) => seq)).toEqual([500, 1000, 1300, 1301]);
    expect(heads?.every(isSigned)).toBe(true);
    expect(damaged).toBe(0);
  });

  test('two sealers and their callers at once make one unbroken chain', async () => {
    await using fixture = auditOver(await open());
    const other = fixture.otherSealer();
    const writing = fixture.write(60);
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([fixture.sealer.sealNow(), other.sealNow(), fixture.sealer.sealNow()]);
    }
    await writing;
    await fixture.sealer.sealNow();
    const events = await sealedEvents(fixture.db.read, 0, 1000, 1000);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect(await countUnsealed(fixture.db.read)).toBe(0);
  });

  test('works in the background, one holder of the lease at a time', async () => {
    await using fixture = auditOver(await open());
    const other = fixture.otherSealer();
    fixture.sealer.job.start();
    other.job.start();
    await fixture.write(3);
    await until(async () => (await countUnsealed(fixture.db.read)) === 0);
    await fixture.sealer.job.stop();
    await other.job.stop();
    expect(await fixture.db.read.selectFrom('leases').selectAll().execute()).toEqual([]);
    expect(fixture.logged).toEqual([]);
  });

  test('renews its lease also after the clock was set back', async () => {
    await using fixture = auditOver(await open());
    fixture.sealer.job.start();
    await fixture.write(1);
    await until(async () => (await countUnsealed(fixture.db.read)) === 0);
    const restore = holdStill({
      now: () => Date.now() - 3_600_000,
      monotonic: () => performance.now() + 10_000,
    });
    try {
      await fixture.write(1);
      await until(async () => (await countUnsealed(fixture.db.read)) === 0);
      const [lease] = await fixture.db.read.selectFrom('leases').selectAll().execute();
      expect(lease?.expires_at).toBeLessThan(Date.now());
    } finally {
      restore();
      await fixture.sealer.job.stop();
    }
  });

  test('notices that the end of the chain was cut off, also after a restart', async () => {
    await using fixture = auditOver(await open());
    await fixture.write(5);
    await fixture.sealer.sealNow();
    await fixture.write(5);
    await fixture.sealer.sealNow();
    expect(await fixture.sealer.fault()).toBeNull();
    await fixture.db.write(async (trx) => {
      await trx.deleteFrom('audit_events').where('seq', '>', 5).execute();
      await trx.deleteFrom('audit_heads').where('seq', '>', 5).execute();
    });
    expect(await fixture.sealer.fault()).toContain('cut off');
    await fixture.write(1);
    await fixture.otherSealer().sealNow();
    expect(fixture.logged.join()).toContain('cut off');
    const { events } = await fixture.audit.events({ limit: 10, action: 'audit.chain_broken' });
    expect(events).toMatchObject([{ outcome: 'failure', seq: 7 }]);
  });

  test('says so when events have waited long', async () => {
    await using fixture = auditOver(await open());
    await fixture.write(1);
    expect(await fixture.sealer.fault()).toBeNull();
    await fixture.db.write((trx) =>
      trx
        .updateTable('audit_events')
        .set({ occurred_at: now() - 120_000 })
        .execute(),
    );
    expect(await fixture.sealer.fault()).toContain('waited');
  });

  test('catches the heads file up after a crash between commit and file', async () => {
    await using fixture = auditOver(await open());
    const file = fixture.folder.paths.auditHeads;
    await fixture.write(2);
    await fixture.sealer.sealNow();
    const before = readFileSync(file, 'utf8');
    await fixture.write(2);
    await fixture.sealer.sealNow();
    writeFileSync(file, `${before}{"seq":4,"ha`);
    await fixture.otherSealer().sealNow();
    const found = await new HeadsFile(file).read();
    expect(found?.heads.map(({ seq }) => seq)).toEqual([2, 4]);
    rmSync(file);
    await fixture.otherSealer().sealNow();
    expect((await new HeadsFile(file).last())?.seq).toBe(4);
  });
});

describe('the signing key', () => {
  test('is made once, whoever asks first, and readable by its owner only', async () => {
    await using folder = temporaryFolder();
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadSigningKey(folder.paths)));
    expect(new Set(keys.map(({ text }) => text)).size).toBe(1);
    expect(statSync(`${folder.paths.secrets}/audit_key`).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${folder.paths.secrets}/audit_key.pub`, 'utf8')).toBe(`${keys[0]?.text}\n`);
  });

  test('can be trusted by its text, by a file with it, or as the data folder’s own', async () => {
    await using folder = temporaryFolder();
    await expect(trustedKeys(folder.paths)).rejects.toThrow('--public-key');
    const { text } = await loadSigningKey(folder.paths);
    for (const given of [[], [text], [`${folder.paths.secrets}/audit_key.pub`]]) {
      expect((await trustedKeys(folder.paths, given)).map((key) => key.text)).toEqual([text]);
    }
    await expect(trustedKeys(folder.paths, ['no key'])).rejects.toThrow('neither');
  });

  test('refuses what is no key and signatures in another spelling', async () => {
    await using folder = temporaryFolder();
    const key = await loadSigningKey(folder.paths);
    expect(parsePublicKey(key.text.toUpperCase())).toBeNull();
    const signature = key.sign('text');
    expect(key.verify('text', signature)).toBe(true);
    expect(key.verify('text', signature.toUpperCase())).toBe(false);
    expect(key.verify('other', signature)).toBe(false);
  });
});

describe('the heads file', () => {
  test('is halved when it has grown, and keeps its newest heads', async () => {
    await using folder = temporaryFolder();
    const file = folder.paths.auditHeads;
    const key = await loadSigningKey(folder.paths);
    const head = (seq: number) => signHead(key, seq, BEGINNING.hash, 0);
    const line = `${JSON.stringify(head(1))}\n`;
    appendFileSync(file, line.repeat(Math.ceil(4_200_000 / line.length)));
    const heads = new HeadsFile(file);
    await heads.append([head(2)]);
    expect(statSync(file).size).toBeLessThan(2_200_000);
    expect((await heads.last())?.seq).toBe(2);
    expect((await heads.read())?.damaged).toBe(0);
  });

  test('a changed head is not signed any more', async () => {
    await using folder = temporaryFolder();
    const head = signHead(await loadSigningKey(folder.paths), 5, BEGINNING.hash, 17);
    expect(isSigned(head)).toBe(true);
    const changes = [
      { seq: 6 },
      { hash: 'f'.repeat(64) },
      { signed_at: 18 },
      { key_id: 'x' },
      { public_key: '' },
    ];
    for (const change of changes) expect(isSigned({ ...head, ...change })).toBe(false);
  });
});
