import { expect, test } from 'bun:test';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AuditFixture, auditOver } from '@test/support/audit.ts';
import { forEachDatabase } from '@test/support/databases.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { BEGINNING, chainHash, eventText } from '@/features/audit/canonical.ts';
import { signHead } from '@/features/audit/heads.ts';
import { loadSigningKey, trustedKeys } from '@/features/audit/keys.ts';
import { sealedEvents } from '@/features/audit/store.ts';
import { verifyChain } from '@/features/audit/verify_chain.ts';
import type { Transaction } from '@/platform/db/database.ts';

const verdictOn = async ({ db, folder }: AuditFixture) =>
  verifyChain({ db, paths: folder.paths, trusted: await trustedKeys(folder.paths) });

/** Ten events under heads at 4, 7 and 10. */
async function sealed(fixture: AuditFixture): Promise<AuditFixture> {
  for (const count of [4, 3, 3]) {
    await fixture.write(count);
    await fixture.sealer.sealNow();
  }
  return fixture;
}

/** Computes the whole chain anew, as somebody with the database but without the key could. */
async function rehash(trx: Transaction): Promise<void> {
  let { seq, hash } = BEGINNING;
  for (const event of await sealedEvents(trx, 0, 100, 100)) {
    seq += 1;
    hash = chainHash(hash, eventText(event, seq));
    await trx.updateTable('audit_events').set({ seq, hash }).where('id', '=', event.id).execute();
    await trx.updateTable('audit_heads').set({ hash }).where('seq', '=', seq).execute();
  }
}

forEachDatabase('the live chain', (open) => {
  test('is good as it was sealed, events still waiting included', async () => {
    await using fixture = await sealed(auditOver(await open()));
    await fixture.write(2);
    expect(await verdictOn(fixture)).toEqual({
      ok: true,
      events: 10,
      first_seq: 1,
      last_seq: 10,
      unsealed: 2,
      heads: 3,
      problems: [],
      notes: [],
    });
  });

  const damages: [string, string, (trx: Transaction) => Promise<unknown>][] = [
    [
      'an edited event',
      'event 5 was changed',
      (trx) => trx.updateTable('audit_events').set({ outcome: 'failure' }).where('seq', '=', 5).execute(),
    ],
    [
      'a changed detail, be it a space',
      'event 5 was changed',
      (trx) => trx.updateTable('audit_events').set({ details: '{} ' }).where('seq', '=', 5).execute(),
    ],
    [
      'an impossible time',
      'event 5 was changed',
      (trx) => trx.updateTable('audit_events').set({ occurred_at: 9e15 }).where('seq', '=', 5).execute(),
    ],
    [
      'a removed event',
      'event 5 is missing',
      (trx) => trx.deleteFrom('audit_events').where('seq', '=', 5).execute(),
    ],
    [
      'removed first events',
      'events 1 to 4 are missing',
      (trx) => trx.deleteFrom('audit_events').where('seq', '<=', 4).execute(),
    ],
    [
      'two events in each other’s place',
      'event 5 was changed',
      async (trx) => {
        await trx.updateTable('audit_events').set({ seq: 99 }).where('seq', '=', 5).execute();
        await trx.updateTable('audit_events').set({ seq: 5 }).where('seq', '=', 6).execute();
        await trx.updateTable('audit_events').set({ seq: 6 }).where('seq', '=', 99).execute();
      },
    ],
    [
      'a cut-off end',
      'events 8 to 10 are missing at the end',
      (trx) => trx.deleteFrom('audit_events').where('seq', '>', 7).execute(),
    ],
    [
      'an end cut off together with its heads',
      'the end was cut off: the heads file knows event 10, the database ends at 7',
      async (trx) => {
        await trx.deleteFrom('audit_events').where('seq', '>', 7).execute();
        await trx.deleteFrom('audit_heads').where('seq', '>', 7).execute();
      },
    ],
    [
      'everything removed',
      'the end was cut off: the heads file knows event 10, the database ends at 0',
      async (trx) => {
        await trx.deleteFrom('audit_events').execute();
        await trx.deleteFrom('audit_heads').execute();
      },
    ],
    [
      'a chain computed anew after an edit',
      'event 10 is not the one that the heads file names',
      async (trx) => {
        await trx.updateTable('audit_events').set({ action: 'x' }).where('seq', '=', 5).execute();
        await rehash(trx);
      },
    ],
    [
      'a removal claimed to be retention without a signature',
      'events 1 to 4 are missing',
      async (trx) => {
        const anchor = await trx
          .selectFrom('audit_heads')
          .selectAll()
          .where('seq', '=', 4)
          .executeTakeFirstOrThrow();
        const details = {
          through_seq: 4,
          through_hash: anchor.hash,
          public_key: anchor.public_key,
          signature: anchor.signature,
        };
        await trx
          .updateTable('audit_events')
          .set({ action: 'audit.pruned', details: JSON.stringify(details) })
          .where('seq', '=', 10)
          .execute();
        await trx.deleteFrom('audit_events').where('seq', '<=', 4).execute();
      },
    ],
  ];
  for (const [name, problem, damage] of damages) {
    test(`shows ${name}`, async () => {
      await using fixture = await sealed(auditOver(await open()));
      await fixture.db.write(async (trx) => void (await damage(trx)));
      const verdict = await verdictOn(fixture);
      expect(verdict.ok).toBe(false);
      expect(verdict.problems.join('; ')).toContain(problem);
    });
  }

  test('shows an end that was cut off and written anew by the server itself', async () => {
    await using fixture = await sealed(auditOver(await open()));
    await fixture.db.write(async (trx) => {
      await trx.deleteFrom('audit_events').where('seq', '>', 7).execute();
      await trx.deleteFrom('audit_heads').where('seq', '>', 7).execute();
    });
    await fixture.write(5);
    await fixture.otherSealer().sealNow();
    const verdict = await verdictOn(fixture);
    expect(verdict.problems.join('; ')).toContain('event 10 is not the one that the heads file names');
  });

  test('shows a heads file with a forged or a changed head', async () => {
    await using fixture = await sealed(auditOver(await open()));
    const file = fixture.folder.paths.auditHeads;
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('"seq":10,', '"seq":11,'));
    expect((await verdictOn(fixture)).problems.join('; ')).toContain('wrong signature for event 11');
    await using stranger = temporaryFolder();
    const head = signHead(await loadSigningKey(stranger.paths), 10, 'f'.repeat(64), 0);
    writeFileSync(file, `${text}${JSON.stringify(head)}\n`);
    const verdict = await verdictOn(fixture);
    expect(verdict.problems.join('; ')).toContain('event 10 is not the one');
    expect(verdict.notes.join('; ')).toContain('not trusted here');
  });

  test('says when there is no heads file to compare with', async () => {
    await using fixture = await sealed(auditOver(await open()));
    rmSync(fixture.folder.paths.auditHeads);
    const verdict = await verdictOn(fixture);
    expect(verdict.ok).toBe(true);
    expect(verdict.notes.join()).toContain('no heads file');
  });
});
