/**
 * What a feature brings with it. A feature is one folder, and its `module.ts` is the only file that the rest of the
 * program has to know: the composition root is a list of modules. Adding a feature adds a line to that list.
 *
 * Three interfaces grow by declaration merging, so that no central file names a feature: `Services` (what features offer
 * each other), `Extensions` (what they let others add to them), and `Tables`, `Config` and `PermissionNames` elsewhere.
 */
import type { AnyElysia } from 'elysia';
import type { ConfigSection } from '@/platform/config/schema.ts';
import type { Migration } from '@/platform/db/migrations/migration.ts';
import type { Idempotency } from '@/platform/idempotency/idempotency.ts';
import type { Grants } from '@/platform/identity/permissions.ts';
import type { CleanupTask } from '@/platform/jobs/cleanup.ts';
import type { BackgroundJob } from '@/platform/jobs/job.ts';
import type { OutboundClient } from '@/platform/outbound/client.ts';
import type { Core } from './core.ts';

/** The services there are, by name: those of the platform here, those of features by merging. */
export interface Services {
  idempotency: Idempotency;
  outbound: OutboundClient;
}

/** Points at which a feature can be added to by others: each name with what is added there. */
export interface Extensions {
  /** What the clean-up job clears away. */
  cleanup: CleanupTask;
}

/** What has been added at the extension points; complete once all modules are open, so ask at the time of use. */
export interface Contributions {
  all<E extends keyof Extensions>(point: E): readonly Extensions[E][];
}

/** A tag of the API document. */
export interface ApiTag {
  readonly name: string;
  readonly description: string;
  /** Where it stands among all tags, smaller first: in the order in which somebody new needs them. */
  readonly order: number;
}

/** A feature in one process. */
export interface OpenedModule {
  readonly services?: Partial<Services>;
  readonly extends?: { readonly [E in keyof Extensions]?: readonly Extensions[E][] };
  /** Served where the API is. */
  readonly routes?: () => AnyElysia;
  /** Served by every worker, also by those that only carry out runs. */
  readonly operationRoutes?: () => AnyElysia;
  /** Once all modules of the process are open, before anything is served. */
  readonly ready?: () => Promise<void> | void;
  readonly jobs?: readonly BackgroundJob[];
  /** Stopped after all others: they work on what those still write. */
  readonly lastJobs?: readonly BackgroundJob[];
  /** This worker is about to leave; it still answers. */
  readonly leaving?: () => void;
  readonly close?: () => Promise<void> | void;
}

export interface FeatureModule {
  readonly name: string;
  /** Its groups of operations in the API document, in this order. */
  readonly tags?: readonly ApiTag[];
  /** Its section of the configuration. */
  readonly config?: ConfigSection;
  readonly permissions?: Grants;
  readonly migrations?: readonly Migration[];
  /** Services of other features that it uses; their modules stand before it in the list. */
  readonly needs: readonly (keyof Services)[];
  /** Services that it offers. */
  readonly provides: readonly (keyof Services)[];
  open(core: Core, services: Services, contributions: Contributions): OpenedModule;
}

/** A module whose `open` sees exactly the services it says it needs. */
export function defineModule<Needs extends keyof Services = never, Provides extends keyof Services = never>(
  module: Omit<FeatureModule, 'needs' | 'provides' | 'open'> & {
    readonly needs?: readonly Needs[];
    readonly provides?: readonly Provides[];
    open(
      core: Core,
      services: Pick<Services, Needs>,
      contributions: Contributions,
    ): OpenedModule &
      ([Provides] extends [never] ? unknown : { readonly services: Pick<Services, Provides> });
  },
): FeatureModule {
  return { needs: [], provides: [], ...module };
}
