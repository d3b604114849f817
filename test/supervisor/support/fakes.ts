/** Fake workers and what they noted, a silent configuration, and a log that can be read. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ToWorker } from '@/platform/ipc/messages.ts';
import { createLogger, type Logger } from '@/platform/log/log.ts';

export interface Note {
  readonly pid: number;
  readonly event: string;
  readonly message?: ToWorker;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export const FAKE_WORKER = resolve(import.meta.dir, 'fake_worker.ts');

/** A temporary folder that vanishes with the block, and the journal of the fake workers in it. */
export class Scene implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'ao-sup-'));
  readonly dataDir = join(this.folder, 'data');
  readonly journal = join(this.folder, 'journal.jsonl');
  readonly lines: LogLine[] = [];
  readonly log: Logger = createLogger({
    level: 'debug',
    write: (line) => void this.lines.push(JSON.parse(line)),
  });

  command(behaviour = 'good'): string[] {
    return [process.execPath, FAKE_WORKER, this.journal, behaviour];
  }

  notes(event?: string): Note[] {
    if (!existsSync(this.journal)) return [];
    const lines = readFileSync(this.journal, 'utf8').split('\n').slice(0, -1);
    const notes = lines.map((line) => JSON.parse(line) as Note);
    return event ? notes.filter((note) => note.event === event) : notes;
  }

  logged(msg: string): LogLine[] {
    return this.lines.filter((line) => line.msg.includes(msg));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether a process lives; one that only waits for somebody to take note of its death does not. */
export function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
