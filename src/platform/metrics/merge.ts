/**
 * Many files of numbers become one view: counters and histograms add up over the dead too, and so do peaks; all other
 * gauges are those of the living.
 */
import type { Family, HistogramSample, Labels, Sample } from './instruments.ts';
import { type FamilyDefinition, outlivesProcess, type Series, type SlotFile } from './slots.ts';

interface Merged {
  readonly definition: FamilyDefinition;
  readonly series: Map<string, { values: readonly string[]; numbers: number[] }>;
}

/** The families of all files, each once. */
export function mergeFamilies(files: readonly SlotFile[]): Family[] {
  const merged = new Map<string, Merged>();
  for (const file of files) {
    const lives = file.ownerLives;
    const families = file.families.map((definition) => {
      const known = merged.get(definition.name) ?? { definition, series: new Map() };
      merged.set(definition.name, known);
      return known;
    });
    for (const series of file.series) {
      const family = families[series.family];
      if (family && (lives || outlivesProcess(family.definition))) addSeries(family, series);
    }
  }
  return [...merged.values()].map(asFamily);
}

function addSeries({ definition, series }: Merged, { values, slots }: Series): void {
  if (Number.isNaN(slots[0])) return;
  const key = values.join('\n');
  const known = series.get(key);
  if (!known) {
    series.set(key, { values, numbers: [...slots] });
    return;
  }
  known.numbers = known.numbers.map((number, index) =>
    definition.merge === 'sum' ? number + (slots[index] ?? 0) : Math.max(number, slots[index] ?? 0),
  );
}

function asFamily({ definition, series }: Merged): Family {
  const { name, help, bounds, kind } = definition;
  const labelled = [...series.values()].map(({ values, numbers }) => ({
    labels: Object.fromEntries(
      definition.labels.map((label, index) => [label, values[index] ?? '']),
    ) as Labels,
    numbers,
  }));
  if (kind !== 'histogram') {
    const samples = labelled.map(({ labels, numbers }): Sample => ({ labels, value: numbers[0] ?? 0 }));
    return { kind, name, help, samples };
  }
  const samples = labelled.map(({ labels, numbers }): HistogramSample => {
    const counts = numbers.slice(0, bounds.length + 1);
    return { labels, counts, sum: numbers.at(-1) ?? 0, count: counts.reduce((a, b) => a + b, 0) };
  });
  return { kind, name, help, bounds, samples };
}
