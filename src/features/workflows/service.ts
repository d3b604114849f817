/**
 * Workflows: versioned definitions, checked before they are stored. A change makes a new version; runs stay on
 * the one they started with, also when the workflow is changed or deleted meanwhile.
 */
import { LRUCache } from 'lru-cache';
import type { AuditLog } from '@/features/audit/service.ts';
import type { Database, Reader, Transaction } from '@/platform/db/database.ts';
import { type ExpectedVersion, requireVersion } from '@/platform/db/expected_version.ts';
import { NotFound } from '@/platform/errors/problem.ts';
import type { Idempotency, KeyedRequest } from '@/platform/idempotency/idempotency.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import type { Contributions } from '@/platform/module/module.ts';
import { iso, newId, now } from '@/platform/time/clock.ts';
import { BrokenDefinition, type CompiledWorkflow, Definitions, type Vocabulary } from './definition.ts';
import type { Workflow, WorkflowInput, WorkflowPage, WorkflowQuery, WorkflowVersion } from './schema.ts';
import {
  countWorkflows,
  deleteWorkflow,
  enabledWorkflows,
  findVersion,
  findWorkflow,
  insertWorkflow,
  lockWorkflow,
  pageOfWorkflows,
  replaceWorkflow,
  type VersionRow,
  type WorkflowRow,
  workflowNames,
} from './store.ts';

/** One version of one workflow: what a run is pinned to. */
export interface WorkflowRef {
  readonly id: string;
  readonly version: number;
}

interface Options {
  readonly db: Database;
  readonly audit: AuditLog;
  readonly idempotency: Idempotency;
  readonly contributions: Contributions;
}

const MOST_COMPILED = 500;

export const workflowNotFound = (id: string): NotFound => new NotFound(`There is no workflow ${id}.`);

/** What is stored of an input: everything, with defaults spelled out. */
const complete = (input: WorkflowInput) => ({
  name: input.name,
  description: input.description ?? null,
  trigger: input.trigger,
  enabled: input.enabled ?? true,
  steps: input.steps,
});
type Definition = ReturnType<typeof complete>;

const toWorkflow = (row: WorkflowRow, definition: Definition): Workflow => ({
  id: row.id,
  ...definition,
  version: row.version,
  created_at: iso(row.created_at),
  updated_at: iso(row.updated_at),
});

export class WorkflowService {
  private readonly definitions: Definitions;
  private readonly compiled = new LRUCache<string, CompiledWorkflow>({ max: MOST_COMPILED });

  /** What a definition may speak of. */
  readonly vocabulary: Vocabulary;

  constructor(private readonly options: Options) {
    const { contributions } = options;
    this.vocabulary = {
      stepTypes: () => contributions.all('step'),
      triggers: () => contributions.all('trigger'),
      scopeRoots: () => contributions.all('scopeRoot'),
    };
    this.definitions = new Definitions(this.vocabulary);
  }

  async create(actor: Actor, input: WorkflowInput, once: KeyedRequest | null): Promise<Workflow> {
    this.definitions.validate(input);
    const { answer } = await this.options.idempotency.write(once, async (trx) => {
      const time = now();
      const row = this.row(newId(), 1, input, time, time);
      await insertWorkflow(trx, row, this.version(actor, row, input));
      await this.record(trx, actor, 'workflow.created', row);
      return { body: toWorkflow(row, complete(input)) };
    });
    this.stored(answer.body.name);
    return answer.body;
  }

  async get(id: string): Promise<Workflow | null> {
    const { read } = this.options.db;
    const row = await findWorkflow(read, id);
    const version = row ? await findVersion(read, id, row.version) : null;
    return row && version ? toWorkflow(row, JSON.parse(version.definition)) : null;
  }

  /** An earlier or the newest version, also of a deleted workflow. */
  async getVersion(id: string, version: number): Promise<WorkflowVersion | null> {
    const row = await findVersion(this.options.db.read, id, version);
    if (!row) return null;
    return {
      workflow_id: id,
      version,
      ...(JSON.parse(row.definition) as Definition),
      created_by: row.created_by,
      created_at: iso(row.created_at),
    };
  }

  async list(query: WorkflowQuery): Promise<WorkflowPage> {
    const { read } = this.options.db;
    const total = await countWorkflows(read, query.trigger);
    const rows = total > query.skip ? await pageOfWorkflows(read, query) : [];
    const workflows = rows.map(({ definition, ...row }) => toWorkflow(row, JSON.parse(definition)));
    return { total, skip: query.skip, limit: query.limit, workflows };
  }

  count(): Promise<number> {
    return countWorkflows(this.options.db.read);
  }

  /** Names of workflows, each once, the first `limit` of them. */
  names(limit: number): Promise<string[]> {
    return workflowNames(this.options.db.read, limit);
  }

  /** A new version. `expected` are the versions one of which the client has seen; null for any. */
  async replace(
    actor: Actor,
    id: string,
    input: WorkflowInput,
    expected: ExpectedVersion,
  ): Promise<Workflow> {
    this.definitions.validate(input);
    const workflow = await this.options.db.write(async (trx) => {
      const before = await this.lock(trx, id, expected);
      const row = this.row(id, before.version + 1, input, before.created_at, now());
      await replaceWorkflow(trx, row, this.version(actor, row, input));
      await this.record(trx, actor, 'workflow.updated', row);
      return toWorkflow(row, complete(input));
    });
    this.stored(workflow.name);
    return workflow;
  }

  /** No new runs; those under way finish on their version. */
  async remove(actor: Actor, id: string, expected: ExpectedVersion): Promise<void> {
    await this.options.db.write(async (trx) => {
      const row = await this.lock(trx, id, expected);
      await deleteWorkflow(trx, id);
      await this.record(trx, actor, 'workflow.deleted', row);
    });
  }

  /**
   * What a trigger starts, as of this very transaction: a workflow whose creation was acknowledged anywhere
   * misses no lead that comes after. (A cache would miss some for as long as it is old.)
   */
  forTrigger(trx: Transaction, trigger: string): Promise<WorkflowRef[]> {
    return enabledWorkflows(trx, trigger);
  }

  /** The workflow as a manual trigger needs it; null when there is none. */
  async find(db: Reader, id: string): Promise<(WorkflowRef & { enabled: boolean }) | null> {
    const row = await findWorkflow(db, id);
    return row && { id, version: row.version, enabled: row.enabled === 1 };
  }

  /** Ready to be carried out; cached, since a version never changes. Throws BrokenDefinition when it cannot be. */
  async compile({ id, version }: WorkflowRef): Promise<CompiledWorkflow> {
    const key = `${id} ${version}`;
    const known = this.compiled.get(key);
    if (known) return known;
    const row = await findVersion(this.options.db.read, id, version);
    if (!row) throw new BrokenDefinition(`version ${version} of workflow ${id} is not in the database`);
    const workflow = this.definitions.compile(id, version, JSON.parse(row.definition));
    this.compiled.set(key, workflow);
    return workflow;
  }

  private stored(name: string): void {
    for (const listener of this.options.contributions.all('workflowStored')) listener(name);
  }

  private async lock(trx: Transaction, id: string, expected: ExpectedVersion): Promise<WorkflowRow> {
    const row = await lockWorkflow(trx, id);
    if (!row) throw workflowNotFound(id);
    requireVersion('workflow', row.version, expected);
    return row;
  }

  private row(
    id: string,
    version: number,
    input: WorkflowInput,
    createdAt: number,
    time: number,
  ): WorkflowRow {
    const { name, description, trigger, enabled } = complete(input);
    return {
      id,
      name,
      description,
      trigger,
      enabled: enabled ? 1 : 0,
      version,
      created_at: createdAt,
      updated_at: time,
    };
  }

  private version(actor: Actor, row: WorkflowRow, input: WorkflowInput): VersionRow {
    return {
      workflow_id: row.id,
      version: row.version,
      definition: JSON.stringify(complete(input)),
      created_by: actor.id,
      created_at: row.updated_at,
    };
  }

  private record(trx: Transaction, actor: Actor, action: string, row: WorkflowRow): Promise<void> {
    return this.options.audit.record(trx, {
      actor,
      action,
      target: { type: 'workflow', id: row.id },
      details: { version: row.version, trigger: row.trigger, enabled: row.enabled === 1 },
    });
  }
}
