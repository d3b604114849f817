/** Metrics as Prometheus reads them: text format 0.0.4 and OpenMetrics 1.0.0, and which of them a client prefers. */
import type { Family, HistogramSample, Labels } from './instruments.ts';

export type ExpositionFormat = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** All families as one document. */
export function exposition(families: readonly Family[], format: ExpositionFormat): string {
  const lines: string[] = [];
  for (const family of families) {
    const open = format === 'openmetrics';
    // OpenMetrics names a counter's family without the suffix that its samples bear.
    const name = open && family.kind === 'counter' ? family.name.replace(/_total$/, '') : family.name;
    lines.push(`# HELP ${name} ${escapeHelp(family.help, open)}`, `# TYPE ${name} ${family.kind}`);
    if (family.kind !== 'histogram') {
      for (const { labels, value } of family.samples)
        lines.push(`${family.name}${inBraces(labels)} ${number(value)}`);
    } else {
      for (const sample of family.samples) histogramLines(lines, family.name, family.bounds, sample, open);
    }
  }
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function histogramLines(
  lines: string[],
  name: string,
  bounds: readonly number[],
  sample: HistogramSample,
  open: boolean,
): void {
  let seen = 0;
  bounds.forEach((bound, index) => {
    seen += sample.counts[index] ?? 0;
    const le = open && Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
    lines.push(`${name}_bucket${inBraces({ ...sample.labels, le })} ${seen}`);
  });
  lines.push(
    `${name}_bucket${inBraces({ ...sample.labels, le: '+Inf' })} ${sample.count}`,
    `${name}_sum${inBraces(sample.labels)} ${number(sample.sum)}`,
    `${name}_count${inBraces(sample.labels)} ${sample.count}`,
  );
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function inBraces(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

const escapeLabel = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
const escapeHelp = (value: string, quotes: boolean): string => {
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return quotes ? escaped.replaceAll('"', '\\"') : escaped;
};

interface Choice {
  readonly quality: number;
  readonly specificity: number;
}

/** What an `Accept` header prefers; JSON wins a tie, and whenever nothing is said. */
export function preferredFormat(accept: string | null): ExpositionFormat | 'json' {
  if (accept === null) return 'json';
  const ranges = accept.split(',').map((part) => {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const quality = q === undefined ? 1 : Number(q.slice(2));
    return { type, quality: Number.isFinite(quality) ? quality : 0 };
  });
  const choiceOf = (type: string, subtype: string): Choice => {
    const names = ['*/*', `${type}/*`, `${type}/${subtype}`];
    const matching = ranges
      .filter((range) => names.includes(range.type))
      .map(({ type: name, quality }) => ({ quality, specificity: names.indexOf(name) }));
    const specificity = Math.max(0, ...matching.map((choice) => choice.specificity));
    const most = matching.filter((choice) => choice.specificity === specificity);
    return { specificity, quality: Math.max(0, ...most.map((choice) => choice.quality)) };
  };
  const choices: [ExpositionFormat | 'json', Choice][] = [
    ['json', choiceOf('application', 'json')],
    ['openmetrics', choiceOf('application', 'openmetrics-text')],
    ['text', choiceOf('text', 'plain')],
  ];
  const wanted = choices.filter(([, { quality }]) => quality > 0);
  wanted.sort(([, a], [, b]) => b.quality - a.quality || b.specificity - a.specificity);
  return wanted[0]?.[0] ?? 'json';
}
