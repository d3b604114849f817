import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ADMIN, type AuditFixture, auditOver } from '@test/support/audit.ts';
import { sqliteOpener } from '@test/support/databases.ts';
import { temporaryFolder } from '@test/support/folder.ts';
import { loadSigningKey, trustedKeys, type VerifyingKey } from '@/features/audit/keys.ts';
import { signTrailer, type Trailer } from '@/features/audit/trailer.ts';
import { type BackupVerdict, verifyBackup } from '@/features/audit/verify.ts';

const open = sqliteOpener();
let fixture: AuditFixture;
let trusted: VerifyingKey[];
/** Two events; small enough to try every byte. */
let small: Record<'plain' | 'gzip', Buffer>;
/** Some thousand events, in several gzip members. */
let large: Record<'plain' | 'gzip', Buffer>;

async function bothKinds(): Promise<Record<'plain' | 'gzip', Buffer>> {
  const bytes = async (compress: boolean) => {
    const { backup_file } = await fixture.backups.create(ADMIN, { compress });
    return readFileSync(join(fixture.folder.paths.auditBackups, backup_file));
  };
  return { plain: await bytes(false), gzip: await bytes(true) };
}

async function verdictOn(bytes: Uint8Array, keys = trusted): Promise<BackupVerdict> {
  const file = join(fixture.folder.path, 'copy');
  writeFileSync(file, bytes);
  return verifyBackup(file, { trusted: keys });
}

const lines = (bytes: Buffer): string[] => bytes.toString().split('\n').slice(0, -1);
const joined = (texts: readonly string[]): Buffer => Buffer.from(texts.map((text) => `${text}\n`).join(''));

/** The members of a gzip file; each begins with the same ten bytes, which are most unlikely inside. */
function members(bytes: Buffer): Buffer[] {
  const starts: number[] = [];
  for (
    let at = bytes.indexOf('1f8b0800000000', 0, 'hex');
    at !== -1;
    at = bytes.indexOf('1f8b0800000000', at + 1, 'hex')
  ) {
    starts.push(at);
  }
  return starts.map((start, index) => bytes.subarray(start, starts[index + 1]));
}

beforeAll(async () => {
  fixture = auditOver(await open());
  await fixture.write(1);
  small = await bothKinds();
  await fixture.db.write(async (trx) => {
    for (let index = 0; index < 2000; index += 1) {
      const details = { fields: ['email'], note: `Zoë ${index} \u{1F600}` };
      await fixture.audit.record(trx, { actor: ADMIN, action: 'lead.updated', details });
    }
  });
  large = await bothKinds();
  trusted = await trustedKeys(fixture.folder.paths);
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe('a backup as it was made', () => {
  test('is good, plain and gzip', async () => {
    expect(await verdictOn(small.plain)).toMatchObject({
      ok: true,
      events: 1,
      first_seq: 1,
      last_seq: 1,
      problems: [],
    });
    expect(await verdictOn(small.gzip)).toMatchObject({
      ok: true,
      events: 2,
      compressed: true,
      problems: [],
    });
    expect(await verdictOn(large.plain)).toMatchObject({ ok: true, events: 2003, problems: [] });
    expect(await verdictOn(large.gzip)).toMatchObject({ ok: true, events: 2004, problems: [] });
    expect(members(large.gzip).length).toBeGreaterThan(3);
  });

  test('is good for whoever has the public key only', async () => {
    const given = [trusted[0]?.text ?? ''];
    await using elsewhere = temporaryFolder();
    expect(await verdictOn(large.gzip, await trustedKeys(elsewhere.paths, given))).toMatchObject({
      ok: true,
    });
  });

  test('is good after gunzip', async () => {
    expect(await verdictOn(gunzipSync(large.gzip))).toMatchObject({
      ok: true,
      compressed: false,
      events: 2004,
    });
  });

  test('a log without any event has a backup that is good', async () => {
    await using empty = auditOver(await open());
    for (const compress of [false, true]) {
      await empty.db.write((trx) => trx.deleteFrom('audit_events').execute());
      const { backup_file } = await empty.backups.create(ADMIN, { compress });
      const file = join(empty.folder.paths.auditBackups, backup_file);
      const verdict = await verifyBackup(file, { trusted: await trustedKeys(empty.folder.paths) });
      expect(verdict).toMatchObject({ ok: true, events: 0, last_seq: 0 });
    }
  });
});

describe.each(['plain', 'gzip'] as const)('in a %s backup', (kind) => {
  test('every single changed byte is found', async () => {
    const unnoticed: number[] = [];
    for (let at = 0; at < small[kind].length; at += 1) {
      const bytes = Buffer.from(small[kind]);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      if ((await verdictOn(bytes)).ok) unnoticed.push(at);
    }
    expect(unnoticed).toEqual([]);
  }, 60_000);

  test('every cut is found', async () => {
    const unnoticed: number[] = [];
    for (let length = 0; length < small[kind].length; length += length > small[kind].length - 200 ? 1 : 7) {
      if ((await verdictOn(small[kind].subarray(0, length))).ok) unnoticed.push(length);
    }
    expect(unnoticed).toEqual([]);
  }, 60_000);

  test('anything added at the end or the beginning is found', async () => {
    for (const extra of ['\n', ' ', '\0', '{}\n', small[kind]]) {
      const added = Buffer.from(extra);
      expect((await verdictOn(Buffer.concat([small[kind], added]))).ok).toBe(false);
      expect((await verdictOn(Buffer.concat([added, small[kind]]))).ok).toBe(false);
    }
  });

  test('bytes changed anywhere in a large file are found', async () => {
    const step = Math.floor(large[kind].length / 60);
    for (let at = 3; at < large[kind].length; at += step) {
      const bytes = Buffer.from(large[kind]);
      bytes[at] = (bytes[at] ?? 0) ^ 0x20;
      expect((await verdictOn(bytes)).ok).toBe(false);
    }
  }, 60_000);
});

describe('events of a plain backup', () => {
  const problemsOf = async (change: (texts: string[]) => string[]) =>
    (await verdictOn(joined(change(lines(large.plain))))).problems.join('; ');

  test('an edit is found, and where', async () => {
    const problems = await problemsOf((texts) => texts.with(41, (texts[41] ?? '').replace('Zoë', 'Zoe')));
    expect(problems).toContain('event 42 was changed');
  });

  test('an edit whose hash was computed anew is found at the next event', async () => {
    const problems = await problemsOf((texts) => {
      const previous = (texts[40] ?? '').slice(-66, -2);
      const text = (texts[41] ?? '').replace('Zoë', 'Zoe').replace(/,"hash":"[0-9a-f]+"/, '');
      const hash = new Bun.CryptoHasher('sha256').update(`${previous}\n${text}`).digest('hex');
      return texts.with(41, `${text.slice(0, -1)},"hash":"${hash}"}`);
    });
    expect(problems).not.toContain('event 42 was changed');
    expect(problems).toContain('event 43 was changed');
  });

  test('removed events are found, and which', async () => {
    expect(await problemsOf((texts) => texts.toSpliced(41, 1))).toContain('event 42 is missing');
    expect(await problemsOf((texts) => texts.toSpliced(41, 9))).toContain('events 42 to 50 are missing');
    expect(await problemsOf((texts) => texts.toSpliced(0, 2))).toContain('events 1 to 2 are missing');
    expect(await problemsOf((texts) => texts.toSpliced(-3, 2))).toContain(
      'events 2002 to 2003 are missing at the end',
    );
  });

  test('reordered and repeated events are found', async () => {
    const swapped = (texts: string[]) => texts.with(41, texts[42] ?? '').with(42, texts[41] ?? '');
    expect(await problemsOf(swapped)).toContain('event 42 stands where event 44 should');
    expect(await problemsOf((texts) => texts.toSpliced(41, 0, texts[40] ?? ''))).toContain(
      'repeated or reordered',
    );
  });

  test('what is no event, and events spelled in another way, are found', async () => {
    expect(await problemsOf((texts) => texts.toSpliced(10, 0, ''))).toContain('line 11 is not an event');
    const spaced = (texts: string[]) => texts.with(10, (texts[10] ?? '').replace(',"id"', ', "id"'));
    expect(await problemsOf(spaced)).toContain('event 11 was changed');
  });

  test('a file cut off at the end of a line is found, although its chain is whole', async () => {
    expect(await problemsOf((texts) => texts.slice(0, -1))).toContain('cut off');
    expect(await problemsOf((texts) => texts.slice(0, 50))).toContain('cut off');
  });

  test('not more than twenty problems are listed', async () => {
    const verdict = await verdictOn(joined(lines(large.plain).filter((_, index) => index % 2 === 0)));
    expect(verdict.problems).toHaveLength(21);
    expect(verdict.problems.at(-1)).toMatch(/^and \d+ more$/);
  });
});

describe('members of a gzip backup', () => {
  test('a removed, repeated or moved member is found', async () => {
    const [first = Buffer.alloc(0), second = Buffer.alloc(0), ...rest] = members(large.gzip);
    for (const changed of [
      [second, ...rest],
      [first, ...rest],
      [first, first, second, ...rest],
      [second, first, ...rest],
      [first, second, ...rest.slice(0, -1)],
      [first, second, ...rest, rest.at(-1) ?? first],
    ]) {
      expect((await verdictOn(Buffer.concat(changed))).ok).toBe(false);
    }
  });

  test('the same text compressed in another way is found: it is not the file that was made', async () => {
    const [, ...rest] = members(large.gzip);
    const first = gunzipSync(members(large.gzip)[0] ?? Buffer.alloc(0));
    const again = Buffer.concat([Bun.gzipSync(new Uint8Array(first), { level: 1 }), ...rest]);
    expect((await verdictOn(again)).problems).toEqual(['the compressed bytes are not what was signed']);
    expect((await verdictOn(Bun.gzipSync(new Uint8Array(large.plain)))).ok).toBe(false);
    expect((await verdictOn(Bun.gzipSync(new Uint8Array(gunzipSync(large.gzip))))).ok).toBe(false);
  });
});

describe('the trailer', () => {
  const forged = async (change: (trailer: Trailer) => Partial<Trailer>, folder = fixture.folder) => {
    const texts = lines(large.plain);
    const trailer = JSON.parse(texts.at(-1) ?? '') as Trailer;
    const key = await loadSigningKey(folder.paths);
    const line = signTrailer(key, { ...trailer, ...change(trailer) }, false);
    return verdictOn(Buffer.concat([joined(texts.slice(0, -1)), line]));
  };

  test('signed by another key is found, whatever it says', async () => {
    await using other = temporaryFolder();
    expect((await forged(() => ({}), other)).problems.join()).toContain('is not trusted here');
    const posing = (trailer: Trailer) => ({ public_key: trailer.public_key, key_id: trailer.key_id });
    expect((await forged(posing, other)).ok).toBe(false);
  });

  test('under the good key’s name with a foreign signature is found', async () => {
    const texts = lines(large.plain);
    const trailer = JSON.parse(texts.at(-1) ?? '') as Trailer;
    const { privateKey } = generateKeyPairSync('ed25519');
    const signature = sign(null, Buffer.from('anything'), privateKey).toString('hex');
    const line = JSON.stringify({ ...trailer, signature });
    const verdict = await verdictOn(joined([...texts.slice(0, -1), line]));
    expect(verdict.problems).toEqual(['the trailer was changed: its signature does not match']);
  });

  test('each of its claims is compared with the file, even when well signed', async () => {
    const other = 'a'.repeat(64);
    expect((await forged(() => ({}))).ok).toBe(true);
    const changes: ((trailer: Trailer) => Partial<Trailer>)[] = [
      ({ first_seq }) => ({ first_seq: first_seq + 1 }),
      () => ({ previous_hash: other }),
      ({ last_seq }) => ({ last_seq: last_seq + 1 }),
      ({ last_seq }) => ({ last_seq: last_seq - 1 }),
      () => ({ head_hash: other }),
      ({ events }) => ({ events: events - 1 }),
      () => ({ content_sha256: other }),
    ];
    for (const change of changes) expect((await forged(change)).ok).toBe(false);
  });

  test('an older backup under the name of a newer one is found', async () => {
    const [newest] = await fixture.backups.list();
    const file = join(fixture.folder.path, newest?.backup_file ?? '');
    writeFileSync(file, small.gzip);
    const verdict = await verifyBackup(file, { trusted });
    expect(verdict.problems.join()).toContain("under another backup's name");
  });

  test('a file that is no backup at all is refused in words', async () => {
    for (const text of ['', 'x', '\n', '\n\n', 'hello\nworld\n', '{"trailer":1}\n', '\x1f\x8b']) {
      const verdict = await verdictOn(Buffer.from(text, 'latin1'));
      expect(verdict.ok).toBe(false);
      expect(verdict.problems[0]).toContain('trailer');
    }
    await expect(verifyBackup('/nowhere/at/all', { trusted })).rejects.toThrow('cannot be read');
  });
});
