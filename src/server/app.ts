/** The whole API: every feature's routes behind the plugins of `hardening.ts`. */
import { type AnyElysia, Elysia } from 'elysia';
import { adminRoutes } from '@/features/admin/routes.ts';
import { auditRoutes } from '@/features/audit/routes.ts';
import { ANONYMOUS_OPERATOR } from '@/features/auth/authenticator.ts';
import { authRoutes } from '@/features/auth/routes.ts';
import { userRoutes } from '@/features/auth/users_routes.ts';
import { connectorRoutes } from '@/features/connectors/routes.ts';
import { healthRoutes } from '@/features/health/routes.ts';
import { leadRoutes } from '@/features/leads/routes.ts';
import { metricsRoutes } from '@/features/metrics/routes.ts';
import { runRoutes } from '@/features/runs/routes.ts';
import { workflowRoutes } from '@/features/workflows/routes.ts';
import { harden } from './hardening.ts';
import type { Services } from './services.ts';

/** A `runner` answers for its health and metrics only; the API is the matter of the rest of the fleet. */
export function buildApp(services: Services): AnyElysia {
  const operations = new Elysia()
    .use(healthRoutes(services))
    .use(metricsRoutes(services))
    .use(adminRoutes(services));
  const routes =
    services.config.current.server.role === 'runner'
      ? operations
      : operations
          .use(authRoutes(services))
          .use(userRoutes(services))
          .use(leadRoutes(services))
          .use(runRoutes(services))
          .use(workflowRoutes(services))
          .use(connectorRoutes(services))
          .use(auditRoutes(services));
  return harden({ ...services, anonymousOperator: ANONYMOUS_OPERATOR }, routes);
}
