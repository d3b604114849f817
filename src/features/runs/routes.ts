/** `/api/runs`, and the two routes under `/api/workflows` that are about runs. */

import { Elysia } from 'elysia';
import { WorkflowId } from '@/features/workflows/schema.ts';
import { accessControl } from '@/platform/http/access.ts';
import { actorOf } from '@/platform/http/context.ts';
import { keyedRequestOf } from '@/platform/http/keyed_request.ts';
import { shownAs } from '@/platform/schema/parts.ts';
import {
  Retried,
  Run,
  RunDetail,
  RunId,
  RunPage,
  RunQuery,
  Triggered,
  TriggerInput,
  WorkflowStatus,
} from './schema.ts';
import type { RunService } from './service.ts';

export const runRoutes = ({ runs }: { runs: RunService }) =>
  new Elysia({ name: 'runs', prefix: '/api', tags: ['runs'] })
    .use(accessControl)
    .post(
      '/workflows/trigger',
      async ({ request, body, set }) => {
        const triggered = await runs.trigger(actorOf(request), body, keyedRequestOf(request, body));
        set.status = 202;
        set.headers.location = `/api/runs/${triggered.execution_id}`;
        return triggered;
      },
      {
        access: 'runs:write',
        body: TriggerInput,
        response: { 202: Triggered },
        detail: {
          tags: ['workflows'],
          operationId: 'triggerWorkflow',
          summary: 'Start a workflow by hand',
          description:
            'The run is stored durably before the answer. Send an `Idempotency-Key` header to make repeating the request safe.',
          'x-refusals': { 404: 'There is no such workflow or lead.', 409: 'The workflow is disabled.' },
          'x-headers': ['Idempotency-Key'],
        },
      },
    )
    .get('/workflows/:id/status', ({ params }) => runs.workflowStatus(params.id), {
      access: 'workflows:read',
      params: WorkflowId,
      response: { 200: WorkflowStatus },
      detail: {
        tags: ['workflows'],
        operationId: 'getWorkflowStatus',
        summary: 'How a workflow is doing',
        description: 'Its number of runs and the newest of them.',
      },
    })
    .get('/runs', ({ query }) => runs.list(query), {
      access: 'runs:read',
      query: RunQuery,
      response: { 200: RunPage },
      detail: {
        operationId: 'listRuns',
        summary: 'List runs',
        description: 'Newest first. All filters given must hold.',
      },
    })
    .get('/runs/:id', ({ params }) => runs.get(params.id), {
      access: 'runs:read',
      params: RunId,
      response: { 200: RunDetail },
      detail: {
        operationId: 'getRun',
        summary: 'Read a run',
        description: 'With every attempt of every step.',
      },
    })
    .post(
      '/runs/:id/retry',
      ({ request, params, set }) => {
        set.status = 202;
        return runs.retry(actorOf(request), params.id);
      },
      {
        access: 'runs:write',
        params: RunId,
        response: { 202: Retried },
        detail: {
          operationId: 'retryRun',
          summary: 'Retry a failed run',
          description:
            'Goes on at the step that failed, with as many attempts as before and the same idempotency key; finished steps are not repeated.',
          'x-refusals': { 409: 'The run has not failed.' },
        },
      },
    )
    .post('/runs/:id/cancel', ({ request, params }) => runs.cancel(actorOf(request), params.id), {
      access: 'runs:write',
      params: RunId,
      response: { 200: Run },
      detail: {
        operationId: 'cancelRun',
        responses: shownAs('The run, cancelled.', { status: 'cancelled' }),
        summary: 'Cancel a run',
        description: 'Ends a run that has not ended; 409 when it has.',
        'x-refusals': { 409: 'The run has ended already.' },
      },
    });
