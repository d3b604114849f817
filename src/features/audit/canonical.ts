/**
 * The exact text of an event, and its hash. The text is what the chain, every backup and the API show, so one
 * changed character anywhere in an event is another text and another hash.
 */
import type { AuditEvent } from './schema.ts';
import type { EventRow } from './store.ts';

/** A place in the chain and the hash there. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

/** What stands before the first event of all. */
export const BEGINNING: ChainEnd = { seq: 0, hash: '0'.repeat(64) };

const HASH_MEMBER = ',"hash":"';
/** Length of `,"hash":"<64 hex digits>"}`. */
const TAIL = HASH_MEMBER.length + 64 + 2;
const HASH = /^[0-9a-f]{64}$/;
const LEADING_SEQ = /^\{"seq":([1-9]\d{0,15}),/;

/**
 * Details as JSON. A text that is not as `JSON.stringify` wrote it has been altered in the database: it is shown
 * as a string then, so that the line stays JSON and every byte of the text still counts.
 */
function details(text: string): AuditEvent['details'] {
  if (text === '{}') return {};
  try {
    const value: unknown = JSON.parse(text);
    const intact = value !== null && typeof value === 'object' && JSON.stringify(value) === text;
    return intact ? (value as AuditEvent['details']) : text;
  } catch {
    return text;
  }
}

/** As `iso`, but an impossible time (altered in the database) does not throw. */
const time = (epochMs: number): string => {
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? String(epochMs) : date.toISOString();
};

const body = (row: EventRow, seq: number | null) => ({
  seq,
  id: row.id,
  occurred_at: time(row.occurred_at),
  actor: { type: row.actor_type, id: row.actor_id, name: row.actor_name },
  action: row.action,
  target:
    row.target_type === null && row.target_id === null ? null : { type: row.target_type, id: row.target_id },
  outcome: row.outcome,
  request_id: row.request_id,
  address: row.address,
  details: details(row.details),
});

/** An event as the API shows it. */
export const toEvent = (row: EventRow): AuditEvent => ({ ...body(row, row.seq), hash: row.hash });

/** What is hashed: the event with its place in the chain. */
export const eventText = (row: EventRow, seq: number): string => JSON.stringify(body(row, seq));

/** The hash of an event that follows the one with the hash `previous`. */
export const chainHash = (previous: string, text: string | Uint8Array): string =>
  new Bun.CryptoHasher('sha256').update(`${previous}\n`).update(text).digest('hex');

/** A line of a backup, without its newline. */
export const sealedLine = (text: string, hash: string): string =>
  `${text.slice(0, -1)}${HASH_MEMBER}${hash}"}`;

export interface SealedLine {
  readonly seq: number;
  readonly hash: string;
  /** What the hash must be of. */
  readonly text: Buffer;
}

/** Takes a line of a backup apart, byte for byte; null when it is none. */
export function parseSealedLine(line: Buffer): SealedLine | null {
  const cut = line.length - TAIL;
  if (cut < 1) return null;
  const tail = line.toString('latin1', cut);
  const hash = tail.slice(HASH_MEMBER.length, -2);
  if (!tail.startsWith(HASH_MEMBER) || !tail.endsWith('"}') || !HASH.test(hash)) return null;
  const seq = LEADING_SEQ.exec(line.toString('latin1', 0, Math.min(line.length, 32)))?.[1];
  if (seq === undefined) return null;
  return { seq: Number(seq), hash, text: Buffer.concat([line.subarray(0, cut), Buffer.from('}')]) };
}
