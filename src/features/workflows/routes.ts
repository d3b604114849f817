/** `/api/workflows` over HTTP: definitions. Starting them is the matter of `features/runs/routes.ts`. */

import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { NotFound } from '@/platform/errors/problem.ts';
import { accessControl } from '@/platform/http/access.ts';
import { actorOf } from '@/platform/http/context.ts';
import { etag, expectedVersions, isNotModified } from '@/platform/http/etag.ts';
import { keyedRequestOf } from '@/platform/http/keyed_request.ts';
import { done, NoBody } from '@/platform/schema/parts.ts';
import {
  Workflow,
  WorkflowId,
  WorkflowInput,
  WorkflowPage,
  WorkflowQuery,
  WorkflowVersion,
  WorkflowVersionId,
} from './schema.ts';
import { type WorkflowService, workflowNotFound } from './service.ts';

/** The body as the API document shows it: with the exact shape of every step type. */
const documentedBody = ({ vocabulary }: WorkflowService) => {
  const types = vocabulary.stepTypes();
  const step = Type.Unsafe<unknown>({
    oneOf: types.map(({ schema }) => schema),
    discriminator: {
      propertyName: 'type',
      mapping: Object.fromEntries(
        types.map(({ type, schema }) => [type, `#/components/schemas/${schema.title}`]),
      ),
    },
  });
  const trigger = {
    ...WorkflowInput.properties.trigger,
    enum: vocabulary.triggers().map(({ name }) => name),
  };
  const exact = Type.Object(
    { ...WorkflowInput.properties, trigger, steps: Type.Array(step, { minItems: 1, maxItems: 100 }) },
    { title: 'WorkflowInput', additionalProperties: false, examples: WorkflowInput.examples },
  );
  const schema = JSON.parse(JSON.stringify(exact));
  return { content: { 'application/json': { schema } }, required: true };
};

export const workflowRoutes = ({ workflows }: { workflows: WorkflowService }) =>
  new Elysia({ name: 'workflows', prefix: '/api/workflows', tags: ['workflows'] })
    .use(accessControl)
    .post(
      '',
      async ({ request, body, set }) => {
        const workflow = await workflows.create(actorOf(request), body, keyedRequestOf(request, body));
        set.status = 201;
        set.headers.location = `/api/workflows/${workflow.id}`;
        set.headers.etag = etag(workflow.version);
        return workflow;
      },
      {
        access: 'workflows:write',
        body: WorkflowInput,
        response: { 201: Workflow },
        detail: {
          operationId: 'createWorkflow',
          'x-headers': ['Idempotency-Key'],
          summary: 'Create a workflow',
          description:
            'The definition is checked completely: unknown step types, repeated step ids and bad templates answer 422 with the pointer of each field. ' +
            'Texts in steps may hold Liquid templates such as `{{ lead.email }}`, `{{ context.campaign | upcase }}` or `{{ steps.crm.output.crm_id | default: "none" }}`.',
          requestBody: documentedBody(workflows),
        },
      },
    )
    .get('', ({ query }) => workflows.list(query), {
      access: 'workflows:read',
      query: WorkflowQuery,
      response: { 200: WorkflowPage },
      detail: {
        operationId: 'listWorkflows',
        summary: 'List workflows',
        description: 'Newest first, each with its newest version.',
      },
    })
    .get(
      '/:id',
      async ({ request, params, set, status }) => {
        const workflow = await workflows.get(params.id);
        if (!workflow) throw workflowNotFound(params.id);
        set.headers.etag = etag(workflow.version);
        return isNotModified(request, workflow.version) ? status(304, undefined) : workflow;
      },
      {
        access: 'workflows:read',
        params: WorkflowId,
        response: { 200: Workflow, 304: NoBody },
        detail: {
          operationId: 'getWorkflow',
          'x-headers': ['If-None-Match'],
          summary: 'Read a workflow',
          description: 'The newest version, with an `ETag`.',
        },
      },
    )
    .get(
      '/:id/versions/:version',
      async ({ params }) => {
        const version = await workflows.getVersion(params.id, params.version);
        if (!version) throw new NotFound(`Workflow ${params.id} has no version ${params.version}.`);
        return version;
      },
      {
        access: 'workflows:read',
        params: WorkflowVersionId,
        response: { 200: WorkflowVersion },
        detail: {
          operationId: 'getWorkflowVersion',
          summary: 'Read one version of a workflow',
          description: 'Versions never change, and stay readable after the workflow was deleted.',
        },
      },
    )
    .put(
      '/:id',
      async ({ request, params, body, set }) => {
        const workflow = await workflows.replace(
          actorOf(request),
          params.id,
          body,
          expectedVersions(request),
        );
        set.headers.etag = etag(workflow.version);
        return workflow;
      },
      {
        access: 'workflows:write',
        params: WorkflowId,
        body: WorkflowInput,
        response: { 200: Workflow },
        detail: {
          operationId: 'replaceWorkflow',
          'x-headers': ['If-Match'],
          summary: 'Replace a workflow',
          description:
            'Makes a new version; runs under way stay on theirs. Send `If-Match` with the ETag you read to refuse lost updates (412).',
          requestBody: documentedBody(workflows),
        },
      },
    )
    .delete(
      '/:id',
      async ({ request, params, status }) => {
        await workflows.remove(actorOf(request), params.id, expectedVersions(request));
        return status(204, undefined);
      },
      {
        access: 'workflows:write',
        params: WorkflowId,
        response: { 204: done('The workflow is gone: no new run starts.') },
        detail: {
          operationId: 'deleteWorkflow',
          'x-headers': ['If-Match'],
          summary: 'Delete a workflow',
          description: 'No new runs start; those under way finish on the version they began with.',
        },
      },
    );
