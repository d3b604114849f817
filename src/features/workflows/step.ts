/**
 * The contract of a step type: a schema for its parameters, and how they become something that can be carried out.
 * Each step type lives with the feature that it acts on, as a factory over that feature's service.
 */

import { type Static, type TObject, type TProperties, Type } from '@sinclair/typebox';
import type { Transaction } from '@/platform/db/database.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import type { Body } from '@/platform/template/body.ts';
import type { Scope } from '@/platform/template/expression.ts';
import type { Template } from '@/platform/template/template.ts';

export const StepRetry = Type.Object(
  {
    max_attempts: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: 'Attempts in all; 1 never repeats.' }),
    ),
    base_ms: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 3_600_000, description: 'Wait before the first retry; doubles.' }),
    ),
    max_ms: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 86_400_000, description: 'Longest wait between retries.' }),
    ),
  },
  { additionalProperties: false, description: 'Left out: as the section "runs" of the configuration says.' },
);
export type StepRetry = Static<typeof StepRetry>;

/** What every step has, whatever its type. */
const common = {
  id: Type.String({
    pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$',
    description: 'Unique in the workflow; part of the idempotency key.',
  }),
  retry: Type.Optional(StepRetry),
  timeout_ms: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 600_000, description: 'Longest time of one attempt.' }),
  ),
};

/** The stored lead of a run, as far as steps know it. */
export interface StoredLead {
  readonly id: string;
  readonly crm_id: string | null;
}

/** One attempt of one step. */
export interface StepCall {
  readonly actor: Actor;
  /** Values for templates: `lead`, `context`, `steps`, `run`, `workflow`. */
  readonly scope: Scope;
  /** As stored now; null when the run has none or it was deleted. */
  readonly lead: StoredLead | null;
  /** The same for every attempt of this step of this run: what makes repeating it safe. */
  readonly idempotencyKey: string;
  /** Longest time of this attempt; the engine waits hardly longer for its result. */
  readonly timeoutMs: number;
  /** Fires when the run is no longer ours. */
  readonly signal: AbortSignal;
}

export interface StepResult {
  /** JSON; later steps read it as `steps.<id>.output`. */
  readonly output: unknown;
  /** Carried out in the transaction of the step's checkpoint: both happen or neither. */
  readonly apply?: (trx: Transaction) => Promise<void>;
  /** The run goes on no earlier than this (epoch milliseconds). */
  readonly resumeAt?: number;
}

/** A failed attempt. Anything else that is thrown counts as a failure that may pass. */
export class StepFailure extends Error {
  override name = 'StepFailure';
  constructor(
    message: string,
    readonly options: { readonly transient: boolean; readonly retryAfterMs?: number | null },
  ) {
    super(message);
  }
}

/** Compiles what stands in a step; pointers are relative to the step. */
export interface StepCompiler {
  text(source: string, pointer: string): Template<string>;
  url(source: string, pointer: string): Template<string>;
  value(source: unknown, pointer: string): Template;
  header(source: string, pointer: string): Template<string>;
  /** Written as the content type says, which is undefined where no header gives one. */
  body(source: unknown, contentType: string | undefined, pointer: string): Template<Body>;
  report(pointer: string, message: string): void;
}

export interface StepAction {
  /** First segments of what its templates read; `lead` has the lead loaded. */
  readonly reads: ReadonlySet<string>;
  run(call: StepCall): Promise<StepResult> | StepResult;
}

export interface StepType {
  readonly type: string;
  readonly schema: TObject;
  /** `step` has passed `schema`. */
  compile(step: unknown, compiler: StepCompiler): StepAction;
}

/** `http.request` as `HttpRequestStep`: the name of its schema in the API document. */
const titleOf = (type: string): string =>
  `${type.replaceAll(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, first: string) => first.toUpperCase())}Step`;

/** A step type from its own parameters. */
export function defineStep<P extends TProperties>(definition: {
  readonly type: string;
  readonly description: string;
  readonly parameters: P;
  compile(step: Static<TObject<P>>, compiler: StepCompiler): StepAction;
}): StepType {
  const { type, description, parameters } = definition;
  const properties: TProperties = {
    id: common.id,
    type: Type.Literal(type),
    ...parameters,
    retry: common.retry,
    timeout_ms: common.timeout_ms,
  };
  return {
    type,
    schema: Type.Object(properties, { additionalProperties: false, title: titleOf(type), description }),
    compile: (step, compiler) => definition.compile(step as Static<TObject<P>>, compiler),
  };
}
