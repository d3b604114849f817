/** Workflows: versioned definitions, the contract of their steps, and the steps that belong to no other feature. */
import { defineModule } from '@/platform/module/module.ts';
import { workflowsTables } from './migrations/2026_11_24_workflows.ts';
import { liquidTemplates } from './migrations/2026_11_26_liquid_templates.ts';
import { workflowRoutes } from './routes.ts';
import type { ScopeRoot } from './scope.ts';
import { WorkflowService } from './service.ts';
import type { StepType } from './step.ts';
import { delay } from './steps/delay.ts';
import { httpRequest } from './steps/http_request.ts';
import type { TriggerType } from './trigger.ts';

declare module '@/platform/module/module.ts' {
  interface Services {
    workflows: WorkflowService;
  }
  interface Extensions {
    /** What a workflow can do. */
    step: StepType;
    /** What can start a workflow. */
    trigger: TriggerType;
    /** What templates can read. */
    scopeRoot: ScopeRoot;
    /** Told the name of each workflow that was created or changed, after the commit. */
    workflowStored: (name: string) => void;
  }
}

declare module '@/platform/identity/permissions.ts' {
  interface PermissionNames {
    'workflows:read': true;
    'workflows:write': true;
  }
}

export const workflowsModule = defineModule({
  name: 'workflows',
  tags: [
    {
      name: 'workflows',
      order: 30,
      description: 'Versioned definitions of what is to be done, and starting them by hand.',
    },
  ],
  permissions: { 'workflows:read': 'viewer', 'workflows:write': 'operator' },
  migrations: [workflowsTables, liquidTemplates],
  needs: ['audit', 'idempotency', 'outbound'],
  provides: ['workflows'],
  open({ db }, { audit, idempotency, outbound }, contributions) {
    const workflows = new WorkflowService({ db, audit, idempotency, contributions });
    return {
      services: { workflows },
      extends: {
        step: [httpRequest(outbound), delay],
        trigger: [{ name: 'manual', description: 'Only by hand.' }],
        healthFigure: [
          {
            name: 'workflows_cached',
            description: 'Workflow definitions.',
            example: 1,
            read: () => workflows.count(),
          },
        ],
      },
      routes: () => workflowRoutes({ workflows }),
    };
  },
});
