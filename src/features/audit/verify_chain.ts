/**
 * Verifies the live chain: the database against itself and against the heads file outside it, which shows an
 * end that was cut off or written anew by somebody without the signing key.
 */
import type { DataPaths } from '@/platform/config/paths.ts';
import type { Database } from '@/platform/db/database.ts';
import { chainStart } from './anchor.ts';
import { BEGINNING, eventText } from './canonical.ts';
import { ChainCheck, Problems } from './chain_check.ts';
import { HeadsFile, isSigned } from './heads.ts';
import type { VerifyingKey } from './keys.ts';
import type { ChainVerdict } from './schema.ts';
import { countUnsealed, firstSeq, type HeadRow, newestHead, sealedEvents } from './store.ts';

const PAGE = 250;

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Options {
  readonly db: Database;
  readonly paths: DataPaths;
  readonly trusted: readonly VerifyingKey[];
}

/** Reads the whole chain in bounded memory, page by page, leaving room for others in between. */
export async function verifyChain({ db, paths, trusted }: Options): Promise<ChainVerdict> {
  const problems = new Problems();
  const notes: string[] = [];
  // The file first: a head gets there only after it is in the database, so the database may never know less.
  const heads = await readHeads(paths, trusted, problems, notes);
  const start = await chainStart(db.read, trusted);
  const first = await firstSeq(db.read);
  const end = await newestHead(db.read);
  if (end && !isSigned(end))
    problems.add(`the signature of the database's head at event ${end.seq} is wrong`);

  const walk = new ChainCheck(start, problems);
  let compared = 0;
  const compare = (seq: number, hash: string | null): void => {
    for (const head of heads.get(seq) ?? []) {
      compared += 1;
      if (head.hash !== hash) problems.add(`event ${seq} is not the one that the heads file names`);
    }
    heads.delete(seq);
  };
  compare(start.seq, start.hash);
  for (let after = start.seq, more = true; more; ) {
    const rows = await sealedEvents(db.read, after, end?.seq ?? 0, PAGE);
    for (const row of rows) {
      after = row.seq ?? 0;
      walk.next(after, row.hash ?? '', eventText(row, after));
      compare(after, row.hash);
    }
    more = rows.length === PAGE;
    await pause();
  }
  walk.finish(end ?? BEGINNING);
  const beyond = Math.max(0, ...[...heads.keys()]);
  if (beyond > (end?.seq ?? 0)) {
    problems.add(
      `the end was cut off: the heads file knows event ${beyond}, the database ends at ${end?.seq ?? 0}`,
    );
  }
  if (start.seq > 0) notes.push(`events up to ${start.seq} were removed by retention`);
  return {
    ok: problems.count === 0,
    events: walk.events,
    first_seq: first === null ? null : Math.max(first, start.seq + 1),
    last_seq: end?.seq ?? null,
    unsealed: await countUnsealed(db.read),
    heads: compared,
    problems: problems.list,
    notes,
  };
}

/** The heads of the file by place. Heads of other servers' keys are compared too, but cannot vouch alone. */
async function readHeads(
  paths: DataPaths,
  trusted: readonly VerifyingKey[],
  problems: Problems,
  notes: string[],
): Promise<Map<number, HeadRow[]>> {
  const bySeq = new Map<number, HeadRow[]>();
  const found = await new HeadsFile(paths.auditHeads).read();
  if (!found) {
    notes.push('there is no heads file in the data folder: a cut-off end cannot be seen');
    return bySeq;
  }
  if (found.damaged > 0) notes.push(`${found.damaged} lines of the heads file are not readable`);
  const foreign = new Set<string>();
  for (const head of found.heads) {
    if (!isSigned(head)) problems.add(`the heads file holds a wrong signature for event ${head.seq}`);
    if (!trusted.some(({ text }) => text === head.public_key)) foreign.add(head.key_id);
    bySeq.set(head.seq, [...(bySeq.get(head.seq) ?? []), head]);
    if (bySeq.size % PAGE === 0) await pause();
  }
  for (const id of foreign) notes.push(`some heads are signed by the key ${id}, which is not trusted here`);
  return bySeq;
}
