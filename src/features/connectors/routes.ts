/** `/api/crm` over HTTP. */
import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';
import { actorOf } from '@/platform/http/context.ts';
import { ConnectorInput, ConnectorStatus, ConnectorView } from './schema.ts';
import type { ConnectorService } from './service.ts';

export const connectorRoutes = ({ connectors }: { connectors: ConnectorService }) =>
  new Elysia({ name: 'connectors', prefix: '/api/crm', tags: ['crm'] })
    .use(accessControl)
    .post('/config', ({ request, body }) => connectors.configure(actorOf(request), body), {
      access: 'crm:manage',
      body: ConnectorInput,
      response: { 200: ConnectorView },
      detail: {
        operationId: 'configureCrm',
        summary: 'Configure the CRM',
        description:
          'Replaces the configuration of the generic REST connector that `crm.upsert` steps use. ' +
          'Without `auth` the stored credentials stay, unless the host changes.',
      },
    })
    .get('/config', () => connectors.view(), {
      access: 'crm:manage',
      response: { 200: ConnectorView },
      detail: {
        operationId: 'getCrmConfig',
        summary: 'Read the CRM configuration',
        description: 'Everything but the credentials, of which only the kind is shown.',
        'x-refusals': { 404: 'No CRM is configured.' },
      },
    })
    .get('/status', () => connectors.status(), {
      access: 'crm:read',
      response: { 200: ConnectorStatus },
      detail: {
        operationId: 'getCrmStatus',
        summary: 'Ask the CRM whether it is there',
        description: 'Really sends a request to the configured status URL.',
      },
    });
