/** Opens modules in their order and closes them in the reverse one. */
import { Idempotency } from '@/platform/idempotency/idempotency.ts';
import { OutboundClient } from '@/platform/outbound/client.ts';
import type { Core } from './core.ts';
import type { Contributions, Extensions, FeatureModule, OpenedModule, Services } from './module.ts';

export interface OpenedModules {
  readonly services: Services;
  readonly contributions: Contributions;
  /** In the order of the list. */
  readonly opened: readonly OpenedModule[];
  close(): Promise<void>;
}

/** The modules that provide `wanted`, with all they need; in the order of the list. */
export function modulesFor(
  modules: readonly FeatureModule[],
  wanted: readonly (keyof Services)[],
): FeatureModule[] {
  const names = new Set<keyof Services>(wanted);
  const needed = modules.toReversed().filter(({ needs, provides }) => {
    if (!provides.some((name) => names.has(name))) return false;
    for (const name of needs) names.add(name);
    return true;
  });
  return needed.reverse();
}

/** Throws for a module that stands before one it needs, and for two that provide the same service. */
export function openModules(modules: readonly FeatureModule[], core: Core): OpenedModules {
  const idempotency = new Idempotency(core);
  const services: Partial<Record<keyof Services, unknown>> = {
    idempotency,
    outbound: new OutboundClient(core),
  };
  const added = new Map<keyof Extensions, unknown[]>([
    ['cleanup', [{ name: 'idempotency keys', run: (signal: AbortSignal) => idempotency.prune(signal) }]],
  ]);
  const contributions: Contributions = {
    all: <E extends keyof Extensions>(point: E) => (added.get(point) ?? []) as Extensions[E][],
  };
  const opened: OpenedModule[] = [];
  for (const module of modules) {
    const missing = module.needs.find((name) => !(name in services));
    if (missing)
      throw new Error(`module ${module.name} needs ${missing}, which no module before it provides`);
    const one = module.open(core, services as Services, contributions);
    for (const [name, service] of Object.entries(one.services ?? {})) {
      if (name in services) throw new Error(`module ${module.name} provides ${name} a second time`);
      services[name as keyof Services] = service;
    }
    for (const [point, items] of Object.entries(one.extends ?? {})) {
      const known = added.get(point as keyof Extensions) ?? [];
      added.set(point as keyof Extensions, [...known, ...items]);
    }
    opened.push(one);
  }
  return {
    services: services as Services,
    contributions,
    opened,
    close: async () => {
      for (const { close } of opened.toReversed()) await close?.();
    },
  };
}
