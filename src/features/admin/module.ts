/** The server about itself. */
import { defineModule } from '@/platform/module/module.ts';
import { adminRoutes } from './routes.ts';

export const adminModule = defineModule({
  name: 'admin',
  open: ({ config, configSchema, fleet, redis, version }) => ({
    operationRoutes: () => adminRoutes({ config, configSchema, fleet, redis, version }),
  }),
});
