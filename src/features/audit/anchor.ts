/**
 * Where the chain begins. Retention removes the oldest events; so that this can be told from tampering, the
 * removal is itself an event, `audit.pruned`, which holds a signed anchor: place and hash of the last removed event.
 */
import type { Reader } from '@/platform/db/database.ts';
import { BEGINNING, type ChainEnd } from './canonical.ts';
import type { SigningKey, VerifyingKey } from './keys.ts';
import { firstSeq, newestOfAction } from './store.ts';

export const PRUNED = 'audit.pruned';
const LOOKED_AT = 20;

const message = ({ seq, hash }: ChainEnd): string =>
  `automation-orchestrator audit anchor v1\n${seq}\n${hash}`;

/** The details of an `audit.pruned` event. */
export const anchorDetails = (key: SigningKey, through: ChainEnd) => ({
  through_seq: through.seq,
  through_hash: through.hash,
  public_key: key.text,
  signature: key.sign(message(through)),
});

function parseAnchor(details: string, trusted: readonly VerifyingKey[]): ChainEnd | null {
  try {
    const { through_seq, through_hash, public_key, signature } = JSON.parse(details) as Record<
      string,
      unknown
    >;
    const anchor = { seq: Number(through_seq), hash: String(through_hash) };
    const key = trusted.find(({ text }) => text === public_key);
    return Number.isSafeInteger(anchor.seq) && key?.verify(message(anchor), String(signature))
      ? anchor
      : null;
  } catch {
    return null;
  }
}

/** The newest anchor that a trusted key has signed; null when nothing was ever removed. */
export async function newestAnchor(db: Reader, trusted: readonly VerifyingKey[]): Promise<ChainEnd | null> {
  const anchors = (await newestOfAction(db, PRUNED, LOOKED_AT)).map((row) =>
    parseAnchor(row.details, trusted),
  );
  return anchors.reduce((best, next) => ((next?.seq ?? 0) > (best?.seq ?? 0) ? next : best), null);
}

/** What the first event that counts follows on: the beginning of all, or an anchor. */
export async function chainStart(db: Reader, trusted: readonly VerifyingKey[]): Promise<ChainEnd> {
  if ((await firstSeq(db)) === 1) return BEGINNING;
  return (await newestAnchor(db, trusted)) ?? BEGINNING;
}
