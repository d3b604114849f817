/** The connector to the CRM. */
import { defineModule } from '@/platform/module/module.ts';
import { connectorsTables } from './migrations/2026_11_24_connectors.ts';
import { liquidSettings } from './migrations/2026_11_26_liquid_settings.ts';
import { connectorRoutes } from './routes.ts';
import { ConnectorService } from './service.ts';
import { crmUpsert } from './steps/crm_upsert.ts';

declare module '@/platform/module/module.ts' {
  interface Services {
    connectors: ConnectorService;
  }
}

declare module '@/platform/identity/permissions.ts' {
  interface PermissionNames {
    'crm:read': true;
    'crm:manage': true;
  }
}

export const connectorsModule = defineModule({
  name: 'connectors',
  tags: [{ name: 'crm', order: 50, description: 'The connection to the CRM.' }],
  permissions: { 'crm:read': 'viewer', 'crm:manage': 'admin' },
  migrations: [connectorsTables, liquidSettings],
  needs: ['audit', 'outbound', 'leads'],
  provides: ['connectors'],
  open({ db, redis, secrets }, { audit, outbound, leads }, contributions) {
    const connectors = new ConnectorService({
      db,
      audit,
      outbound,
      redis,
      encryptionKey: secrets.encryptionKey,
      scopeRoots: () => contributions.all('scopeRoot'),
    });
    return {
      services: { connectors },
      extends: {
        step: [crmUpsert({ connectors, leads })],
        healthCheck: [
          {
            name: 'crm_connector',
            check: async () => {
              const { status, detail } = await connectors.health();
              return { word: status, reason: detail };
            },
          },
        ],
      },
      routes: () => connectorRoutes({ connectors }),
      close: () => connectors.close(),
    };
  },
});
