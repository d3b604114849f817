/** What code sees of metrics: name them once, move them anywhere. `store.ts` keeps them across processes. */

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  inc(labels?: Labels, by?: number): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
  add(by: number, labels?: Labels): void;
}
export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

/**
 * How the values of several processes become one: add them, take the greatest, or keep the greatest that was ever set,
 * also by processes that are gone.
 */
export type Merge = 'sum' | 'max' | 'peak';

export interface InstrumentOptions {
  readonly help: string;
  readonly labels?: readonly string[];
  /** Series that exist from the start with zero; `[{}]` for an instrument without labels is the default. */
  readonly initial?: readonly Labels[];
}

/** One series of the merged view. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels: Labels;
  /** Not cumulative: observations per bucket, the last is beyond the greatest bound. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

export type Family =
  | {
      readonly kind: 'counter' | 'gauge';
      readonly name: string;
      readonly help: string;
      readonly samples: readonly Sample[];
    }
  | {
      readonly kind: 'histogram';
      readonly name: string;
      readonly help: string;
      readonly bounds: readonly number[];
      readonly samples: readonly HistogramSample[];
    };

export interface Metrics {
  /** Monotonic over worker deaths and restarts, zero at the server's start. `name` ends in `_total`. */
  counter(name: string, options: InstrumentOptions): Counter;
  /** Merged as `merge` says; of living workers only, but for a peak. */
  gauge(name: string, options: InstrumentOptions & { readonly merge: Merge }): Gauge;
  histogram(name: string, options: InstrumentOptions & { readonly bounds: readonly number[] }): Histogram;
  /** A gauge computed when somebody scrapes, by the process that answers. */
  computed(
    name: string,
    options: { readonly help: string },
    read: () => Promise<readonly Sample[]> | readonly Sample[],
  ): void;
  /** All families over all workers of this server. */
  collect(): Promise<readonly Family[]>;
  close(): void;
}
