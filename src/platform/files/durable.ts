/** Files that must be whole and stay, also when the power goes. */
import { link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { newId } from '@/platform/time/clock.ts';

/** Makes the names in a folder as durable as the files that they name. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a whole file durably unless there is one: of several processes, one wins and none sees half of it. */
export async function writeOnce(file: string, text: string, mode: number): Promise<void> {
  const draft = `${file}.${newId()}`;
  const handle = await open(draft, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
    await link(draft, file);
    await syncFolder(dirname(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
}
