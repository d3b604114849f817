/**
 * The last line of a backup: what the file holds, signed. It covers the events (place and hash of both ends,
 * number), the text byte for byte, and for a gzip file the compressed bytes as well. In a gzip file it is a member of
 * its own, stored uncompressed, so that each of its bytes is known too.
 */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { parsePublicKey, type SigningKey, type VerifyingKey } from './keys.ts';

const FORMAT = 'automation-orchestrator audit backup v1';
const LONGEST = 4096;
const GZIP_HEADER = Buffer.from('1f8b08000000000000ff', 'hex');
/** Header, five bytes that open a stored block, checksum and length. */
const GZIP_FRAME = GZIP_HEADER.length + 5 + 8;

export interface BackupContents {
  readonly backup_file: string;
  readonly created_at: string;
  readonly first_seq: number;
  /** Hash of the event before the first one. */
  readonly previous_hash: string;
  readonly last_seq: number;
  readonly head_hash: string;
  readonly events: number;
  /** SHA-256 of the text before the trailer. */
  readonly content_sha256: string;
  /** SHA-256 of the compressed bytes before the trailer; null in a plain file. */
  readonly container_sha256: string | null;
}

export interface Trailer extends BackupContents {
  readonly key_id: string;
  readonly public_key: string;
  readonly signature: string;
}

/** The members in their one order: the text is rebuilt from them to be signed and to be compared. */
const ordered = (trailer: Omit<Trailer, 'signature'>) => ({
  trailer: FORMAT,
  backup_file: trailer.backup_file,
  created_at: trailer.created_at,
  first_seq: trailer.first_seq,
  previous_hash: trailer.previous_hash,
  last_seq: trailer.last_seq,
  head_hash: trailer.head_hash,
  events: trailer.events,
  content_sha256: trailer.content_sha256,
  container_sha256: trailer.container_sha256,
  key_id: trailer.key_id,
  public_key: trailer.public_key,
});

const message = (trailer: Omit<Trailer, 'signature'>): string => JSON.stringify(ordered(trailer));

const trailerLine = (trailer: Trailer): Buffer =>
  Buffer.from(`${JSON.stringify({ ...ordered(trailer), signature: trailer.signature })}\n`);

/** A gzip member that holds `bytes` as they are (RFC 1952, RFC 1951 section 3.2.4). */
function storedMember(bytes: Buffer): Buffer {
  const open = Buffer.alloc(5);
  open[0] = 1;
  open.writeUInt16LE(bytes.length, 1);
  open.writeUInt16LE(bytes.length ^ 0xffff, 3);
  const close = Buffer.alloc(8);
  close.writeUInt32LE(crc32(bytes), 0);
  close.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([GZIP_HEADER, open, bytes, close]);
}

/** Signs, and answers the bytes that end the file. */
export function signTrailer(key: SigningKey, contents: BackupContents, compressed: boolean): Buffer {
  const unsigned = { ...contents, key_id: key.id, public_key: key.text };
  const line = trailerLine({ ...unsigned, signature: key.sign(message(unsigned)) });
  return compressed ? storedMember(line) : line;
}

/** What is wrong with the signature, in words, or null. */
export function signatureFault(trailer: Trailer, trusted: readonly VerifyingKey[]): string | null {
  const key = trusted.find(({ text }) => text === trailer.public_key);
  if (key) {
    const good = key.id === trailer.key_id && key.verify(message(trailer), trailer.signature);
    return good ? null : 'the trailer was changed: its signature does not match';
  }
  return parsePublicKey(trailer.public_key)?.verify(message(trailer), trailer.signature)
    ? `the trailer is signed by the key ${trailer.key_id}, which is not trusted here: forged, or made by another server`
    : 'the trailer was forged or changed: its signature does not match';
}

/** Takes a line apart; null unless it is exactly what `signTrailer` writes. */
function parseTrailer(line: Buffer): Trailer | null {
  try {
    const trailer = JSON.parse(line.toString()) as Trailer;
    return trailerLine(trailer).equals(line) ? trailer : null;
  } catch {
    return null;
  }
}

async function readAt(handle: FileHandle, start: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start);
  return buffer.subarray(0, bytesRead);
}

export interface FoundTrailer {
  readonly trailer: Trailer;
  /** Where it begins: everything before are the events. */
  readonly start: number;
}

/** Looks for the trailer at the very end of a file; null when there is none, whole and unchanged in form. */
export async function findTrailer(
  handle: FileHandle,
  size: number,
  compressed: boolean,
): Promise<FoundTrailer | null> {
  const end = await readAt(handle, Math.max(0, size - LONGEST), Math.min(size, LONGEST));
  if (!compressed) {
    const line = end.subarray(end.lastIndexOf(0x0a, -2) + 1);
    const trailer = parseTrailer(line);
    return trailer && { trailer, start: size - line.length };
  }
  if (end.length < GZIP_FRAME) return null;
  const length = end.readUInt32LE(end.length - 4);
  if (length + GZIP_FRAME > end.length) return null;
  const member = end.subarray(end.length - length - GZIP_FRAME);
  const line = member.subarray(GZIP_HEADER.length + 5, -8);
  const trailer = parseTrailer(line);
  return trailer && storedMember(line).equals(member) ? { trailer, start: size - member.length } : null;
}
