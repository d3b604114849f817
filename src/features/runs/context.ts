/** The column `context` of a run. */

/** The column `context` of a run: what it was given, and what its steps have made so far. */
export interface RunContext {
  /** Stands in for fields of the stored lead, or for the whole of it. */
  readonly lead_data?: Readonly<Record<string, unknown>>;
  readonly context: Readonly<Record<string, unknown>>;
  readonly steps: Readonly<Record<string, { readonly output: unknown }>>;
}
