/**
 * The features of this program. A module stands behind those whose services it needs. Adding a feature adds a line here,
 * and nothing else outside its folder.
 */
import { adminModule } from '@/features/admin/module.ts';
import { auditModule } from '@/features/audit/module.ts';
import { authModule } from '@/features/auth/module.ts';
import { connectorsModule } from '@/features/connectors/module.ts';
import { healthModule } from '@/features/health/module.ts';
import { leadsModule } from '@/features/leads/module.ts';
import { metricsModule } from '@/features/metrics/module.ts';
import { runsModule } from '@/features/runs/module.ts';
import { workflowsModule } from '@/features/workflows/module.ts';
import type { FeatureModule } from '@/platform/module/module.ts';

export const MODULES: readonly FeatureModule[] = [
  healthModule,
  auditModule,
  authModule,
  workflowsModule,
  leadsModule,
  connectorsModule,
  runsModule,
  metricsModule,
  adminModule,
];
