/** Two plain SVG charts: lines over time, and bars by name. */

export interface Series {
  readonly name: string;
  readonly colour: string;
  /** Null where there is nothing: a gap, no zero. */
  readonly values: readonly (number | null)[];
}

const WIDTH = 860;
const HEIGHT = 320;
const MARGIN = { top: 44, right: 20, bottom: 46, left: 60 };
const INNER_WIDTH = WIDTH - MARGIN.left - MARGIN.right;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The next of 1, 2, 5 × 10^n at or above `value`, so that axes end on round numbers. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return ([1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

const numbersOf = (series: readonly Series[]): number[] =>
  series.flatMap(({ values }) => values.filter((value) => value !== null));

const label = (x: number, y: number, text: string, anchor = 'middle') =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="12">${escaped(text)}</text>`;

function frame(title: string, height: number, series: readonly Series[], content: string): string {
  const legend = series
    .map(({ name, colour }, index) => {
      const x = MARGIN.left + index * 190;
      return `<rect x="${x}" y="26" width="12" height="12" fill="${colour}"/>${label(x + 18, 36, name, 'start')}`;
    })
    .join('');
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif">` +
    `<rect width="100%" height="100%" fill="#fff"/>${label(WIDTH / 2, 16, title)}${legend}${content}</svg>\n`
  );
}

/** Values at equal steps of time; `xUnit` names a step. */
export function lineChart(title: string, xUnit: string, yUnit: string, series: readonly Series[]): string {
  const steps = Math.max(2, ...series.map(({ values }) => values.length));
  const top = roundUp(Math.max(1, ...numbersOf(series)));
  const innerHeight = HEIGHT - MARGIN.top - MARGIN.bottom;
  const x = (step: number) => MARGIN.left + (INNER_WIDTH * step) / (steps - 1);
  const y = (value: number) => MARGIN.top + innerHeight * (1 - value / top);
  const grid = [0, 0.25, 0.5, 0.75, 1]
    .map((part) => {
      const at = y(top * part);
      return `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}" stroke="#ddd"/>${label(MARGIN.left - 6, at + 4, String(+(top * part).toPrecision(3)), 'end')}`;
    })
    .join('');
  const every = Math.ceil(roundUp((steps - 1) / 5));
  const ticks = Array.from({ length: Math.floor((steps - 1) / every) + 1 }, (_, tick) =>
    label(x(tick * every), HEIGHT - 26, String(tick * every)),
  ).join('');
  const lines = series
    .map(({ colour, values }) => {
      const path = values.map((value, step) => {
        if (value === null) return '';
        const joined = step > 0 && values[step - 1] !== null;
        return `${joined ? 'L' : 'M'}${x(step).toFixed(1)},${y(value).toFixed(1)}`;
      });
      return `<path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="1.8" stroke-linecap="round"/>`;
    })
    .join('');
  const axes = label(WIDTH / 2, HEIGHT - 8, xUnit) + label(8, MARGIN.top - 10, yUnit, 'start');
  return frame(title, HEIGHT, series, grid + ticks + lines + axes);
}

/** One group of horizontal bars for each name. */
export function barChart(
  title: string,
  unit: string,
  names: readonly string[],
  series: readonly Series[],
): string {
  const bar = 13;
  const group = bar * series.length + 12;
  const height = MARGIN.top + names.length * group + MARGIN.bottom;
  const left = 190;
  const top = roundUp(Math.max(1e-9, ...numbersOf(series)));
  const width = (value: number) => ((WIDTH - left - 80) * value) / top;
  const bars = names
    .map((name, row) => {
      const y = MARGIN.top + 8 + row * group;
      const stack = series
        .map(({ colour, values }, index) => {
          const value = values[row] ?? null;
          const at = y + index * bar;
          if (value === null) return label(left + 5, at + 10, 'not called', 'start');
          return `<rect x="${left}" y="${at}" width="${width(value).toFixed(1)}" height="${bar - 2}" fill="${colour}"/>${label(left + width(value) + 5, at + 10, value.toFixed(1), 'start')}`;
        })
        .join('');
      return label(left - 8, y + bar, name, 'end') + stack;
    })
    .join('');
  return frame(title, height, series, bars + label(WIDTH / 2, height - 12, unit));
}
