/** The server about itself. */
import { defineModule } from '@/platform/module/module.ts';
import { adminRoutes } from './routes.ts';

export const adminModule = defineModule({
  name: 'admin',
  tags: [{ name: 'admin', order: 80, description: 'The server itself: what runs, and its configuration.' }],
  open: ({ config, configSchema, fleet, redis, version }) => ({
    operationRoutes: () => adminRoutes({ config, configSchema, fleet, redis, version }),
  }),
});
