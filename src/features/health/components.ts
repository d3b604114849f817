/** Words in which health speaks, and how those of the parts become one for the whole. */
import { type Static, Type } from '@sinclair/typebox';

export const ComponentWord = Type.Union([
  Type.Literal('running'),
  Type.Literal('ready'),
  Type.Literal('active'),
  Type.Literal('degraded'),
  Type.Literal('unavailable'),
  Type.Literal('not_configured'),
]);
export type ComponentWord = Static<typeof ComponentWord>;

export interface ComponentState {
  readonly word: ComponentWord;
  /** Why it is not well, for people; asked for with `degraded` and `unavailable`. */
  readonly reason?: string;
}

/** One part of the server that can be asked how it is. */
export interface HealthCheck {
  /** The component's name in the answer. */
  readonly name: string;
  /** Whether the server is of no use without it. */
  readonly vital?: boolean;
  /** May throw: that is `unavailable`, with the error's message as the reason. */
  check(): Promise<ComponentState> | ComponentState;
}

/** A figure of the detailed health, asked by itself; null in the answer where `read` throws. */
export interface HealthFigure {
  readonly name: string;
  readonly description: string;
  readonly example: number | string;
  read(): Promise<number | string>;
}

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

export interface Checked extends ComponentState {
  readonly name: string;
  readonly vital: boolean;
}

/** The worst of the parts; a part that is not configured is no fault. */
export function overall(parts: readonly Checked[]): HealthStatus {
  if (parts.some(({ word, vital }) => vital && word === 'unavailable')) return 'unhealthy';
  return parts.some(({ word }) => word === 'unavailable' || word === 'degraded') ? 'degraded' : 'healthy';
}

/** What is wrong, one sentence for each part. */
export const reasonsOf = (parts: readonly Checked[]): string[] =>
  parts.flatMap(({ name, word, reason }) =>
    word === 'unavailable' || word === 'degraded' ? [`${name}: ${reason ?? word}`] : [],
  );
