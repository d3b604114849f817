/**
 * Which metrics file belongs to which process. A file outlives its process, so that no count is lost; the next worker
 * goes on with it. Two living processes never share one.
 */

/** The supervisor's own file. */
export const SUPERVISOR_FILE = 0;

export class FileIndexes {
  private readonly taken = new Set<number>([SUPERVISOR_FILE]);

  /** The lowest index that no living process uses. */
  take(): number {
    let index = 0;
    while (this.taken.has(index)) index += 1;
    this.taken.add(index);
    return index;
  }

  /** Only after the process is known to be dead. */
  free(index: number): void {
    this.taken.delete(index);
  }
}
