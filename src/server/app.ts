/** The whole API: every feature's routes behind the plugins of `hardening.ts`. */
import { type AnyElysia, Elysia } from 'elysia';
import { ANONYMOUS_OPERATOR } from '@/features/auth/authenticator.ts';
import { type HardeningOptions, harden } from './hardening.ts';
import { MODULES } from './modules.ts';
import type { OpenWorker } from './open_worker.ts';

/** What the process that serves the app adds to it. */
export type ServingOptions = Pick<HardeningOptions, 'streams' | 'accessLines' | 'untrustedProxy'>;

/** A `runner` answers for its health and metrics only; the API is the matter of the rest of the fleet. */
export function buildApp(
  { core, services, opened }: Pick<OpenWorker, 'core' | 'services' | 'opened'>,
  serving: ServingOptions,
): AnyElysia {
  const hasApi = core.config.current.server.role !== 'runner';
  const routes: AnyElysia = new Elysia();
  for (const { operationRoutes, routes: apiRoutes } of opened) {
    if (operationRoutes) routes.use(operationRoutes());
    if (hasApi && apiRoutes) routes.use(apiRoutes());
  }
  const { authenticator, audit } = services;
  const tags = MODULES.flatMap((module) => module.tags ?? []);
  return harden(
    { ...core, ...serving, authenticator, audit, tags, anonymousOperator: ANONYMOUS_OPERATOR },
    routes,
  );
}
