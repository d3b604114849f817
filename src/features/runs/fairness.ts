/**
 * How an executor shares its places, so that one workflow with a long queue or slow steps leaves room for all others:
 * none holds more than three quarters of the places. Within that, whoever has waited longest goes first. Pure.
 */

/** Places held now, by workflow. */
export type Held = ReadonlyMap<string, number>;

/** The most places that one workflow may hold. */
export const mostPlaces = (concurrency: number): number =>
  concurrency < 4 ? concurrency : Math.floor(concurrency * 0.75);

/** How many runs may be claimed in the order of their waiting, whichever workflows they turn out to belong to. */
export function claimInOrder(held: Held, free: number, concurrency: number): number {
  const busiest = Math.max(0, ...held.values());
  return Math.max(0, Math.min(free, mostPlaces(concurrency) - busiest));
}

export interface Share {
  readonly workflowId: string;
  readonly limit: number;
}

/** How the places that are left are offered to workflows that have due runs: those that hold least go first. */
export function claimByShare(held: Held, free: number, concurrency: number, due: readonly string[]): Share[] {
  const most = mostPlaces(concurrency);
  const placesOf = (workflowId: string): number => held.get(workflowId) ?? 0;
  const open = due.filter((id) => placesOf(id) < most).sort((a, b) => placesOf(a) - placesOf(b));
  const each = Math.ceil(free / Math.max(1, open.length));
  let left = free;
  const shares: Share[] = [];
  for (const workflowId of open) {
    const limit = Math.min(each, left, most - placesOf(workflowId));
    if (limit <= 0) break;
    shares.push({ workflowId, limit });
    left -= limit;
  }
  return shares;
}
