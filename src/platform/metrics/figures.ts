/** Single figures out of the merged view. */
import type { Family } from './instruments.ts';

/** All samples of a family added up; 0 when there are none. `where` picks some by their labels. */
export function sumOf(
  families: readonly Family[],
  name: string,
  where: (labels: Readonly<Record<string, string>>) => boolean = () => true,
): number {
  const family = families.find((each) => each.name === name);
  if (!family || family.kind === 'histogram') return 0;
  return family.samples.reduce((sum, { labels, value }) => (where(labels) ? sum + value : sum), 0);
}

/** The greatest sample of a gauge; null when there is none. */
export function greatestOf(families: readonly Family[], name: string): number | null {
  const family = families.find((each) => each.name === name);
  if (!family || family.kind === 'histogram' || family.samples.length === 0) return null;
  return Math.max(...family.samples.map(({ value }) => value));
}

/** The mean of everything a histogram has seen; 0 before the first. */
export function meanOf(families: readonly Family[], name: string): number {
  const family = families.find((each) => each.name === name);
  if (family?.kind !== 'histogram') return 0;
  const sum = family.samples.reduce((total, sample) => total + sample.sum, 0);
  const count = family.samples.reduce((total, sample) => total + sample.count, 0);
  return count === 0 ? 0 : sum / count;
}
