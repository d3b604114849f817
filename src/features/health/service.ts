/**
 * How the server is, asked of its parts and not assumed. Answers are cached for a moment, so that a public route
 * cannot be used to load the database: a second for the short form, five for the detailed one, which is one for all
 * workers.
 */
import { messageOf } from '@/platform/errors/problem.ts';
import { cachedFor } from '@/platform/time/cached.ts';
import { iso, now } from '@/platform/time/clock.ts';
import { withDeadline } from '@/platform/time/deadline.ts';
import { type Checked, type HealthCheck, type HealthFigure, overall, reasonsOf } from './components.ts';
import type { DetailedHealth, Figures, Health } from './schema.ts';
import { DETAILED_MS, type SharedHealth } from './shared.ts';

const SHORT_MS = 1_000;
const CHECK_TIMEOUT_MS = 2_000;

interface Options {
  readonly version: string;
  /** Asked for with each question: features add to them. */
  readonly checks: () => readonly HealthCheck[];
  /** Asked at most every five seconds. */
  readonly figures: () => readonly HealthFigure[];
  readonly shared: SharedHealth;
  /** What the operator should know although nothing is broken. */
  readonly warnings: () => readonly string[];
}

export class HealthService {
  private readonly shortForm = cachedFor(SHORT_MS, () => this.check());
  private readonly detailedForm = cachedFor(DETAILED_MS, () => this.checkDetailed());

  private leaving = false;

  constructor(private readonly options: Options) {}

  /** From now on this worker is not ready for new work, although it still answers. */
  leave(): void {
    this.leaving = true;
  }

  /** What a load balancer asks: the short form, and `unhealthy` from the moment this worker is about to leave. */
  async ready(): Promise<Health> {
    const health = await this.short();
    if (!this.leaving) return health;
    return {
      ...health,
      status: 'unhealthy',
      reasons: [...(health.reasons ?? []), 'api: this worker is about to leave'],
    };
  }

  short(): Promise<Health> {
    return this.shortForm();
  }

  /** The same from every worker of this server; while Redis is lost, each has its own. */
  async detailed(): Promise<DetailedHealth> {
    const { shared } = this.options;
    return (await shared.read()) ?? shared.offer(await this.detailedForm());
  }

  private async check(): Promise<Health> {
    const timestamp = iso(now());
    const parts = await Promise.all(this.options.checks().map(ask));
    const reasons = reasonsOf(parts);
    const warnings = [...this.options.warnings()];
    return {
      status: overall(parts),
      version: this.options.version,
      timestamp,
      components: Object.fromEntries(parts.map(({ name, word }) => [name, word])),
      ...(reasons.length > 0 ? { reasons } : {}),
      ...(warnings.length > 0 ? { warnings } : {}),
    };
  }

  private async checkDetailed(): Promise<DetailedHealth> {
    const [health, figures] = await Promise.all([this.check(), figuresOf(this.options.figures())]);
    const more = { cache: this.options.shared.active ? 'active' : 'degraded', ...figures } as const;
    return { ...health, ...more, components: { ...health.components, ...more } };
  }
}

/** Null for those that cannot be had. */
async function figuresOf(sources: readonly HealthFigure[]): Promise<Figures> {
  const read = async (source: HealthFigure) => [source.name, await bounded(source.read())] as const;
  const figures = sources.map((each) => read(each).catch(() => [each.name, null] as const));
  return Object.fromEntries(await Promise.all(figures));
}

async function ask(part: HealthCheck): Promise<Checked> {
  const { name, vital = false } = part;
  try {
    return { name, vital, ...(await bounded(Promise.resolve(part.check()))) };
  } catch (error) {
    return { name, vital, word: 'unavailable', reason: messageOf(error) };
  }
}

/** A part that does not answer is as bad as one that answers "no". */
const bounded = <T>(work: Promise<T>): Promise<T> => withDeadline(work, { ms: CHECK_TIMEOUT_MS });
