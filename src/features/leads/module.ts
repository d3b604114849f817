/** Leads: taken in, kept, changed and announced. */
import { statfs } from 'node:fs/promises';
import { defineModule } from '@/platform/module/module.ts';
import { leadIngestCheck } from './health.ts';
import type { LeadListener } from './listener.ts';
import { leadsTables } from './migrations/2026_11_24_leads.ts';
import { leadChanges } from './migrations/2026_11_26_lead_changes.ts';
import { leadRoutes } from './routes.ts';
import { Lead } from './schema.ts';
import { LeadService } from './service.ts';
import { leadUpdate } from './steps/lead_update.ts';

declare module '@/platform/module/module.ts' {
  interface Services {
    leads: LeadService;
  }
  interface Extensions {
    /** Told of each change of a lead. */
    leadListener: LeadListener;
  }
}

declare module '@/platform/identity/permissions.ts' {
  interface PermissionNames {
    'leads:read': true;
    'leads:write': true;
  }
}

export const leadsModule = defineModule({
  name: 'leads',
  tags: [{ name: 'leads', order: 20, description: 'Sales leads.' }],
  permissions: { 'leads:read': 'viewer', 'leads:write': 'operator' },
  migrations: [leadsTables, leadChanges],
  needs: ['audit', 'idempotency'],
  provides: ['leads'],
  open({ db, paths }, { audit, idempotency }, contributions) {
    const listeners = () => contributions.all('leadListener');
    const leads = new LeadService({ db, audit, idempotency, listeners });
    const freeBytes = async (): Promise<number> => {
      const { bavail, bsize } = await statfs(paths.root);
      return bavail * bsize;
    };
    return {
      services: { leads },
      extends: {
        step: [leadUpdate(leads)],
        trigger: [{ name: 'lead.created', description: 'A lead was created.' }],
        scopeRoot: [{ name: 'lead', fields: Object.keys(Lead.properties) }],
        healthCheck: [leadIngestCheck({ db, freeBytes })],
        healthFigure: [
          {
            name: 'leads_cached',
            description: 'Leads in the database.',
            example: 3,
            read: () => leads.count(),
          },
        ],
      },
      routes: () => leadRoutes({ leads }),
    };
  },
});
