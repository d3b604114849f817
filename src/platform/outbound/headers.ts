/** Headers from several places: names are the same in whatever case, and sending two of one name joins their values. */

/** The later goes before the earlier, whatever the case of its name. */
export function mergedHeaders(
  ...layers: readonly Readonly<Record<string, string>>[]
): Record<string, string> {
  const merged = new Map<string, readonly [name: string, value: string]>();
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) merged.set(name.toLowerCase(), [name, value]);
  }
  return Object.fromEntries(merged.values());
}
