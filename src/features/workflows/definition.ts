/**
 * From the JSON of a workflow to something that can be carried out, or a precise list of what is wrong with it:
 * every message has the pointer of its field. What passes here needs no checks later.
 */
import { TypeCompiler } from '@sinclair/typebox/compiler';
import type { FieldError } from '@/platform/errors/problem.ts';
import { InvalidRequest } from '@/platform/errors/problem.ts';
import { compileBody } from '@/platform/template/body.ts';
import {
  type CompileOptions,
  compileHeader,
  compileText,
  compileUrl,
  compileValue,
} from '@/platform/template/template.ts';
import type { WorkflowInput } from './schema.ts';
import { pathProblem, type ScopeRoot } from './scope.ts';
import type { StepAction, StepCompiler, StepRetry, StepType } from './step.ts';
import type { TriggerType } from './trigger.ts';

export interface CompiledStep {
  readonly id: string;
  readonly type: string;
  readonly retry: StepRetry;
  readonly timeoutMs: number | null;
  readonly action: StepAction;
}

export interface CompiledWorkflow {
  readonly id: string;
  readonly version: number;
  readonly name: string;
  readonly steps: readonly CompiledStep[];
}

/** A stored version that cannot be carried out: trying again would not help. */
export class BrokenDefinition extends Error {
  override name = 'BrokenDefinition';
}

type RawStep = WorkflowInput['steps'][number];
interface Envelope {
  retry?: StepRetry;
  timeout_ms?: number;
}

/** What definitions may speak of, as features bring it: asked for at each use. */
export interface Vocabulary {
  stepTypes(): readonly StepType[];
  triggers(): readonly TriggerType[];
  scopeRoots(): readonly ScopeRoot[];
}

export class Definitions {
  private readonly checks = new Map<string, ReturnType<typeof TypeCompiler.Compile>>();

  constructor(private readonly vocabulary: Vocabulary) {}

  /** Throws 422 that names every field that is wrong. */
  validate(input: WorkflowInput): void {
    const errors: FieldError[] = [];
    const triggers = this.vocabulary.triggers().map(({ name }) => name);
    if (!triggers.includes(input.trigger)) {
      errors.push({ in: 'body', path: '/trigger', message: `Expected one of: ${triggers.join(', ')}` });
    }
    this.compileSteps(input.steps, (path, message) => errors.push({ in: 'body', path, message }));
    if (errors.length > 0) {
      throw new InvalidRequest('The workflow definition has errors.', { errors: errors.slice(0, 50) });
    }
  }

  /** A stored definition. Throws BrokenDefinition when a step type is gone or its rules have become stricter since. */
  compile(id: string, version: number, definition: WorkflowInput): CompiledWorkflow {
    const problems: string[] = [];
    const steps = this.compileSteps(definition.steps, (path, message) =>
      problems.push(`${path}: ${message}`),
    );
    if (problems.length > 0) {
      throw new BrokenDefinition(
        `version ${version} of workflow ${id} cannot be carried out: ${problems.join('; ')}`,
      );
    }
    return { id, version, name: definition.name, steps };
  }

  private compileSteps(steps: readonly RawStep[], report: CompileOptions['report']): CompiledStep[] {
    const earlier = new Set<string>();
    const types = new Map(this.vocabulary.stepTypes().map((type) => [type.type, type]));
    const roots = this.vocabulary.scopeRoots();
    return steps.flatMap((step, index) => {
      const pointer = `/steps/${index}`;
      if (earlier.has(step.id)) report(`${pointer}/id`, `the id "${step.id}" is taken by an earlier step`);
      const type = types.get(step.type);
      if (!type) {
        report(`${pointer}/type`, `unknown step type "${step.type}"; known: ${[...types.keys()].join(', ')}`);
      } else if (this.fits(type, step, pointer, report)) {
        const action = type.compile(step, compilerAt(pointer, roots, new Set(earlier), report));
        earlier.add(step.id);
        const { retry = {}, timeout_ms = null } = step as RawStep & Envelope;
        if ((retry.base_ms ?? 0) > (retry.max_ms ?? Number.POSITIVE_INFINITY)) {
          report(`${pointer}/retry/max_ms`, 'must not be below base_ms');
        }
        return [{ id: step.id, type: step.type, retry, timeoutMs: timeout_ms, action }];
      }
      earlier.add(step.id);
      return [];
    });
  }

  private fits(type: StepType, step: RawStep, pointer: string, report: CompileOptions['report']): boolean {
    let check = this.checks.get(type.type);
    if (!check) {
      check = TypeCompiler.Compile(type.schema);
      this.checks.set(type.type, check);
    }
    if (check.Check(step)) return true;
    const seen = new Set<string>();
    for (const { path, message } of check.Errors(step)) {
      if (seen.has(path)) continue;
      seen.add(path);
      const known = Object.keys(type.schema.properties);
      const unknown = message === 'Unexpected property';
      report(`${pointer}${path}`, unknown ? `unknown field; ${type.type} has ${known.join(', ')}` : message);
    }
    return false;
  }
}

function compilerAt(
  pointer: string,
  roots: readonly ScopeRoot[],
  earlier: ReadonlySet<string>,
  report: CompileOptions['report'],
): StepCompiler {
  const options = (relative: string): CompileOptions => ({
    pointer: `${pointer}${relative}`,
    check: (path) => pathProblem(roots, path, earlier),
    report,
  });
  return {
    text: (source, relative) => compileText(source, options(relative)),
    url: (source, relative) => compileUrl(source, options(relative)),
    value: (source, relative) => compileValue(source, options(relative)),
    header: (source, relative) => compileHeader(source, options(relative)),
    body: (source, contentType, relative) => compileBody(source, contentType, options(relative)),
    report: (relative, message) => report(`${pointer}${relative}`, message),
  };
}
