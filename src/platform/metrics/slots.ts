/**
 * One file of numbers per process, mapped into memory: the process that owns it is its only writer, any process
 * reads it at any time without a lock, and it outlives its owner, so that no count is lost when a worker dies.
 *
 * Layout (8-byte steps): a header of four int32 — magic, bytes used, pid of the living owner, unused — and then
 * entries of `uint32 textBytes, uint32 width, text padded to 8, width × float64`. The text of a family entry is
 * its definition, of a series entry `[family, …label values]`, both JSON. "Bytes used" grows after an entry is
 * complete, so a reader, or the next owner after a kill, never sees half of one.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Merge } from './instruments.ts';

const MAGIC = 0x414f4d31;
const HEADER_BYTES = 16;
/** Room for some 5,000 series; written out in full when made, so that a full disk cannot fault a mapped page. */
const FILE_BYTES = 1_048_576;
const USED = 1;
const PID = 2;

export interface FamilyDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly merge: Merge;
  /** Upper bounds of a histogram's buckets, ascending; empty for the others. */
  readonly bounds: readonly number[];
}

/** Whether the numbers count also when the process that had them is gone. */
export const outlivesProcess = ({ kind, merge }: FamilyDefinition): boolean =>
  kind !== 'gauge' || merge === 'peak';

export interface Series {
  readonly family: number;
  readonly values: readonly string[];
  /** The numbers themselves, live: one, or for a histogram its buckets, the one beyond them, and the sum. */
  readonly slots: Float64Array;
}

const text = new TextDecoder();
const bytes = new TextEncoder();
const padded = (length: number): number => (length + 7) & ~7;

/** What is in one file; `refresh` finds what was added since. */
export class SlotFile {
  readonly families: FamilyDefinition[] = [];
  readonly series: Series[] = [];
  protected readonly header: Int32Array;
  protected readonly view: DataView;
  protected offset = HEADER_BYTES;

  constructor(path: string) {
    const mapped = Bun.mmap(path, { shared: true });
    this.header = new Int32Array(mapped.buffer, mapped.byteOffset, HEADER_BYTES / 4);
    this.view = new DataView(mapped.buffer, mapped.byteOffset, mapped.byteLength);
    if (this.header[0] !== MAGIC) throw new Error(`${path} is not a metrics file`);
    this.refresh();
  }

  refresh(): void {
    const used = Atomics.load(this.header, USED);
    while (this.offset < used) {
      const textBytes = this.view.getUint32(this.offset, true);
      const width = this.view.getUint32(this.offset + 4, true);
      const parsed: unknown = JSON.parse(
        text.decode(new Uint8Array(this.view.buffer, this.view.byteOffset + this.offset + 8, textBytes)),
      );
      this.take(parsed, this.offset + 8 + padded(textBytes), width);
      this.offset += 8 + padded(textBytes) + width * 8;
    }
  }

  /** Whether the process that owns the file lives. The numbers of most gauges count only then. */
  get ownerLives(): boolean {
    const pid = Atomics.load(this.header, PID);
    if (pid === 0) return false;
    if (pid === process.pid) return true;
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'EPERM';
    }
  }

  private take(entry: unknown, at: number, width: number): void {
    if (!Array.isArray(entry)) {
      this.families.push(entry as FamilyDefinition);
      return;
    }
    const [family, ...values] = entry as [number, ...string[]];
    this.series.push({
      family,
      values,
      slots: new Float64Array(this.view.buffer, this.view.byteOffset + at, width),
    });
  }
}

/** A file as its owner sees it. A file that a dead owner left behind is taken over: its counts go on. */
export class OwnSlotFile extends SlotFile {
  constructor(path: string) {
    prepare(path);
    super(path);
    for (const { family, slots } of this.series) {
      const definition = this.families[family];
      if (definition && !outlivesProcess(definition)) slots.fill(Number.NaN);
    }
    Atomics.store(this.header, PID, process.pid);
  }

  /** The number of a family, which is added if it is new; null when the file is full. */
  addFamily(definition: FamilyDefinition): number | null {
    const wanted = JSON.stringify(definition);
    const known = this.families.findIndex((family) => JSON.stringify(family) === wanted);
    if (known >= 0) return known;
    return this.append(wanted, 0) ? this.families.length - 1 : null;
  }

  /** The numbers of a new series; null when the file is full. */
  addSeries(family: number, values: readonly string[], width: number): Float64Array | null {
    if (!this.append(JSON.stringify([family, ...values]), width)) return null;
    return this.series.at(-1)?.slots ?? null;
  }

  /** Says that the owner is gone in good order. */
  release(): void {
    Atomics.store(this.header, PID, 0);
  }

  private append(entry: string, width: number): boolean {
    const encoded = bytes.encode(entry);
    const end = this.offset + 8 + padded(encoded.length) + width * 8;
    if (end > this.view.byteLength) return false;
    this.view.setUint32(this.offset, encoded.length, true);
    this.view.setUint32(this.offset + 4, width, true);
    new Uint8Array(this.view.buffer, this.view.byteOffset + this.offset + 8, encoded.length).set(encoded);
    Atomics.store(this.header, USED, end);
    this.refresh();
    return true;
  }
}

function prepare(path: string): void {
  if (existsSync(path) && statSync(path).size === FILE_BYTES) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const empty = new Uint8Array(FILE_BYTES);
  new Int32Array(empty.buffer, 0, HEADER_BYTES / 4).set([MAGIC, HEADER_BYTES, 0, 0]);
  const temporary = `${path}.${process.pid}.new`;
  try {
    writeFileSync(temporary, empty, { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    // On a full disk a part of it would take the last room.
    rmSync(temporary, { force: true });
    throw error;
  }
}
