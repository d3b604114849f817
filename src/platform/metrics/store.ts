/**
 * Metrics that a scrape of any one process answers for all: each process counts in its own mapped file, a
 * reader merges every file in the folder. Counting costs a map look-up and an addition; nothing is sent anywhere.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cachedFor } from '@/platform/time/cached.ts';
import type {
  Counter,
  Family,
  Gauge,
  Histogram,
  InstrumentOptions,
  Labels,
  Merge,
  Metrics,
  Sample,
} from './instruments.ts';
import { mergeFamilies } from './merge.ts';
import { type FamilyDefinition, OwnSlotFile, SlotFile } from './slots.ts';

const FILE = /^\d+\.metrics$/;
const LONGEST_LABEL = 200;

/**
 * Opens the metrics of this process. `file` is the number of its file; the supervisor sees to it that no two
 * living processes have the same. More series than the file holds are dropped and counted, never an error.
 */
export function openMetrics(options: { folder: string; file: number }): Metrics {
  return new MetricsStore(options.folder, `${options.file}.metrics`);
}

interface Computed {
  readonly help: string;
  readonly samples: () => Promise<readonly Sample[]>;
}

/** Computed gauges ask databases: however often somebody scrapes, they are asked once in this time. */
const COMPUTED_CACHED_MS = 1_000;

class MetricsStore implements Metrics {
  private readonly own: OwnSlotFile;
  private readonly others = new Map<string, SlotFile>();
  private readonly instruments = new Map<string, { definition: FamilyDefinition; slots: SlotsOf }>();
  private readonly computedFamilies = new Map<string, Computed>();
  private readonly dropped: Counter;

  constructor(
    private readonly folder: string,
    private readonly name: string,
  ) {
    this.own = new OwnSlotFile(join(folder, name));
    this.dropped = this.counter('ao_metrics_series_dropped_total', {
      help: 'Series that were dropped because the metrics file is full.',
    });
  }

  counter(name: string, options: InstrumentOptions): Counter {
    if (!name.endsWith('_total')) throw new Error(`counter ${name}: the name must end in _total`);
    const slots = this.slotsOf({ ...definitionOf(name, options), kind: 'counter' }, options.initial);
    return { inc: (labels = {}, by = 1) => add(slots(labels), by) };
  }

  gauge(name: string, options: InstrumentOptions & { readonly merge: Merge }): Gauge {
    const { merge } = options;
    const definition = { ...definitionOf(name, options), kind: 'gauge', merge } as const;
    const slots = this.slotsOf(definition, options.initial);
    return {
      set: (value, labels = {}) => {
        const at = slots(labels);
        at[0] = merge === 'peak' ? Math.max(at[0] ?? 0, value) : value;
      },
      add: (by, labels = {}) => add(slots(labels), by),
    };
  }

  histogram(name: string, options: InstrumentOptions & { readonly bounds: readonly number[] }): Histogram {
    const bounds = [...options.bounds].sort((a, b) => a - b);
    const slots = this.slotsOf(
      { ...definitionOf(name, options), kind: 'histogram', bounds },
      options.initial,
    );
    return {
      observe: (value, labels = {}) => {
        const at = slots(labels);
        let bucket = 0;
        while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
        at[bucket] = (at[bucket] ?? 0) + 1;
        const sum = bounds.length + 1;
        at[sum] = (at[sum] ?? 0) + value;
      },
    };
  }

  computed(
    name: string,
    { help }: { readonly help: string },
    read: () => Promise<readonly Sample[]> | readonly Sample[],
  ): void {
    const failures = this.counter('ao_metrics_computed_failures_total', {
      help: 'Metrics that could not be computed for a scrape and were left out of it.',
      labels: ['metric'],
      initial: [{ metric: name }],
    });
    // A source that cannot answer now leaves a gap in its own family, never in the whole scrape.
    const samples = cachedFor(COMPUTED_CACHED_MS, async () => {
      try {
        return await read();
      } catch {
        failures.inc({ metric: name });
        return [];
      }
    });
    this.computedFamilies.set(name, { help, samples });
  }

  async collect(): Promise<readonly Family[]> {
    const computed = await Promise.all(
      [...this.computedFamilies].map(async ([name, { help, samples }]): Promise<Family> => {
        return { kind: 'gauge', name, help, samples: await samples() };
      }),
    );
    const merged = mergeFamilies(this.files());
    return [...merged.filter(({ name }) => !this.computedFamilies.has(name)), ...computed].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
  }

  close(): void {
    this.own.release();
  }

  private files(): SlotFile[] {
    for (const name of readdirSync(this.folder)) {
      if (name === this.name || !FILE.test(name)) continue;
      const known = this.others.get(name);
      if (known) known.refresh();
      else this.others.set(name, new SlotFile(join(this.folder, name)));
    }
    return [this.own, ...this.others.values()];
  }

  /** The numbers of each series of a family, made on first use. The same name twice is the same instrument. */
  private slotsOf(
    definition: FamilyDefinition,
    initial: readonly Labels[] = definition.labels.length ? [] : [{}],
  ): SlotsOf {
    const known = this.instruments.get(definition.name);
    if (known) assertAlike(known.definition, definition);
    const slots = known?.slots ?? this.newSlots(definition);
    this.instruments.set(definition.name, { definition, slots });
    for (const labels of initial) {
      const at = slots(labels);
      if (Number.isNaN(at[0])) at[0] = 0;
    }
    return slots;
  }

  private newSlots(definition: FamilyDefinition): SlotsOf {
    const { labels: names, kind, bounds } = definition;
    const width = kind === 'histogram' ? bounds.length + 2 : 1;
    const family = this.own.addFamily(definition);
    const series = new Map<string, Float64Array>();
    for (const each of this.own.series) {
      if (each.family === family) series.set(each.values.join('\n'), each.slots);
    }
    let last: { readonly key: string; readonly slots: Float64Array } | null = null;
    return (labels) => {
      let key = '';
      for (let index = 0; index < names.length; index += 1) {
        const value = labels[names[index] ?? ''] ?? '';
        key = index === 0 ? value : `${key}\n${value}`;
      }
      if (last?.key === key) return last.slots;
      const found = series.get(key);
      if (found) {
        last = { key, slots: found };
        return found;
      }
      const values = names.map((name) => (labels[name] ?? '').replaceAll('\n', ' ').slice(0, LONGEST_LABEL));
      const made = family === null ? null : this.own.addSeries(family, values, width);
      if (!made) this.dropped.inc();
      else series.set(key, made);
      return made ?? new Float64Array(width);
    };
  }
}

type SlotsOf = (labels: Labels) => Float64Array;

const definitionOf = (name: string, options: InstrumentOptions): Omit<FamilyDefinition, 'kind'> => ({
  name,
  help: options.help,
  labels: options.labels ?? [],
  merge: 'sum',
  bounds: [],
});

/** Adds to the first number; one that a dead owner's gauge left unset starts at zero. */
function add(slots: Float64Array, by: number): void {
  const value = slots[0] ?? 0;
  slots[0] = Number.isNaN(value) ? by : value + by;
}

function assertAlike(known: FamilyDefinition, other: FamilyDefinition): void {
  const shape = ({ kind, labels, bounds, merge }: FamilyDefinition) =>
    JSON.stringify([kind, labels, bounds, merge]);
  if (shape(known) !== shape(other))
    throw new Error(`metric ${known.name} is declared in two different ways`);
}
