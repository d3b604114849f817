/**
 * Liquid as templates may use it: a chosen set of tags and filters, no files, own properties only, and bounds on what a
 * template may cost, so that none can hold up a worker. The filters are those of Shopify's Liquid, with `json` and `raw`.
 */
import { CaptureTag, Context, filters, Liquid, Tag, toValue } from 'liquidjs';
import { now } from '@/platform/time/clock.ts';
import { RenderError } from './failure.ts';
import { writerOf } from './writer.ts';

/** Characters of a source that holds templates. */
const LONGEST_SOURCE = 100_000;
/** Characters and items that one rendering may make, in all. */
const MOST_MADE = 4_000_000;
/** Texts, values and tags that one rendering may pass, each round of a loop counted: the bound that stops loops. */
const MOST_STEPS = 100_000;
/** For what few steps can still cost. A healthy template takes microseconds. */
const LONGEST_MS = 1000;

const FILTERS = (
  'abs append at_least at_most base64_decode base64_encode capitalize ceil compact concat date default divided_by ' +
  'downcase escape escape_once find find_index first floor has hmac_sha256 join json last lstrip map minus modulo ' +
  'newline_to_br plus prepend raw reject remove remove_first remove_last replace replace_first replace_last reverse ' +
  'round rstrip sha256 size slice slugify sort sort_natural split squish strip strip_html strip_newlines sum times ' +
  'truncate truncatewords uniq upcase url_decode url_encode where'
).split(' ');
const TAGS = [
  'assign',
  'break',
  'capture',
  'case',
  'comment',
  'continue',
  'echo',
  'for',
  'if',
  'liquid',
  'raw',
  'unless',
];
const OTHER_FILES = ['include', 'render', 'layout', 'block'];

export const KNOWN = { filters: FILTERS, tags: TAGS } as const;

type Memory = Context['memoryLimit'];

/** Counts what a list would be as text. Filters count less, which lists of lists could be built on. */
function charge(memory: Memory, value: unknown): void {
  if (!Array.isArray(value)) return;
  memory.use(value.length + 1);
  for (const item of value) {
    if (typeof item === 'string') memory.use(item.length);
    else charge(memory, item);
  }
}

/** "now" by the clock of the program, and all times in UTC unless a template names a zone: servers must agree. */
const moment = (value: unknown): unknown => (value === 'now' || value === 'today' ? now() / 1000 : value);

/** A part written beside: what it holds is encoded where it is printed, unless its encoding says otherwise. */
class Capture extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    const outer = writerOf(context);
    const inner = outer.beside();
    context.setRegister('writer', inner);
    try {
      yield this.liquid.renderer.renderTemplates(this.templates, context, inner);
    } finally {
      context.setRegister('writer', outer);
    }
    context.bottom()[this.variable] = inner.captured();
  }
}

class Refused extends Tag {
  constructor(...args: ConstructorParameters<typeof Tag>) {
    super(...args);
    throw new RenderError(
      `{% ${this.name} %} is not available: a template cannot load others, write the text here`,
    );
  }
  override render(): void {}
}

function newEngine(): Liquid {
  const liquid = new Liquid({
    templates: {},
    strictFilters: true,
    ownPropertyOnly: true,
    parseLimit: LONGEST_SOURCE,
    memoryLimit: MOST_MADE,
    renderLimit: LONGEST_MS,
    timezoneOffset: 0,
    locale: 'en-US',
  });
  for (const name of Object.keys(liquid.filters)) if (!FILTERS.includes(name)) liquid.unregisterFilter(name);
  for (const name of Object.keys(liquid.tags)) {
    if (OTHER_FILES.includes(name)) liquid.registerTag(name, Refused);
    else if (!TAGS.includes(name) && name !== '#') delete liquid.tags[name];
  }
  liquid.registerTag('capture', Capture);
  for (const name of FILTERS) {
    const filter = filters[name];
    if (typeof filter !== 'function') continue;
    liquid.registerFilter(name, function (value, ...args) {
      charge(this.context.memoryLimit, value);
      for (const arg of args) charge(this.context.memoryLimit, arg);
      return filter.call(this, name === 'date' ? moment(toValue(value)) : value, ...args);
    });
  }
  return liquid;
}

export const engine = newEngine();

/** Counts like Liquid's memory limit, where no context is needed. */
export class Budget {
  private left = MOST_MADE;
  use(count: number): void {
    this.left -= count;
    if (this.left < 0) throw new Error('memory alloc limit exceeded');
  }
}

/** What one rendering works in. */
export function contextFor(scope: object): Context {
  const context = new Context(scope, engine.options, { sync: true }, { liquid: engine });
  const { renderLimit } = context;
  const inTime = renderLimit.check.bind(renderLimit);
  let steps = 0;
  renderLimit.check = (time) => {
    steps += 1;
    if (steps > MOST_STEPS) {
      throw new RenderError(
        `the template takes more than ${MOST_STEPS.toLocaleString('en-US')} steps: loop over fewer items`,
      );
    }
    inTime(time);
  };
  return context;
}
