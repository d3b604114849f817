/** `/api/leads` over HTTP. */

import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';
import { actorOf } from '@/platform/http/context.ts';
import { etag, expectedVersions, isNotModified } from '@/platform/http/etag.ts';
import { keyedRequestOf } from '@/platform/http/keyed_request.ts';
import { done, NoBody } from '@/platform/schema/parts.ts';
import { leadNotFound } from './reader.ts';
import {
  Lead,
  LeadCreated,
  LeadId,
  LeadInput,
  LeadPage,
  LeadPatch,
  LeadQuery,
  LeadTimeline,
  TimelineQuery,
} from './schema.ts';
import type { LeadService } from './service.ts';

export const leadRoutes = ({ leads }: { leads: LeadService }) =>
  new Elysia({ name: 'leads', prefix: '/api/leads', tags: ['leads'] })
    .use(accessControl)
    .post(
      '',
      async ({ request, body, set }) => {
        const created = await leads.create(actorOf(request), body, keyedRequestOf(request, body));
        set.status = 201;
        set.headers.location = `/api/leads/${created.id}`;
        set.headers.etag = etag(created.data.version);
        return created;
      },
      {
        access: 'leads:write',
        body: LeadInput,
        response: { 201: LeadCreated },
        detail: {
          operationId: 'createLead',
          'x-headers': ['Idempotency-Key'],
          summary: 'Create a lead',
          description:
            'Stored durably before the answer, together with the runs of every enabled workflow that is triggered by `lead.created`. ' +
            'Send an `Idempotency-Key` header to make repeating the request safe.',
        },
      },
    )
    .get('', ({ query }) => leads.list(query), {
      access: 'leads:read',
      query: LeadQuery,
      response: { 200: LeadPage },
      detail: {
        operationId: 'listLeads',
        summary: 'List leads',
        description: 'Newest first. All filters given must hold.',
      },
    })
    .get(
      '/:id',
      async ({ request, params, set, status }) => {
        const lead = await leads.get(params.id);
        if (!lead) throw leadNotFound(params.id);
        set.headers.etag = etag(lead.version);
        return isNotModified(request, lead.version) ? status(304, undefined) : lead;
      },
      {
        access: 'leads:read',
        params: LeadId,
        response: { 200: Lead, 304: NoBody },
        detail: {
          operationId: 'getLead',
          'x-headers': ['If-None-Match'],
          summary: 'Read a lead',
          description: 'Carries an `ETag`; with a matching `If-None-Match` the answer is 304.',
        },
      },
    )
    .get('/:id/timeline', ({ params, query }) => leads.timeline(params.id, query), {
      access: 'leads:read',
      params: LeadId,
      query: TimelineQuery,
      response: { 200: LeadTimeline },
      detail: {
        operationId: 'getLeadTimeline',
        summary: 'What has changed in a lead',
        description:
          'Newest first: who changed what and when, a user or a run, with each field before and after. ' +
          'Deleting the lead deletes its timeline.',
      },
    })
    .put(
      '/:id',
      async ({ request, params, body, set }) => {
        const lead = await leads.replace(actorOf(request), params.id, body, expectedVersions(request));
        set.headers.etag = etag(lead.version);
        return lead;
      },
      {
        access: 'leads:write',
        params: LeadId,
        body: LeadInput,
        response: { 200: Lead },
        detail: {
          operationId: 'replaceLead',
          'x-headers': ['If-Match'],
          summary: 'Replace a lead',
          description:
            'Fields left out are cleared. Send `If-Match` with the ETag you read to refuse lost updates (412).',
        },
      },
    )
    .patch(
      '/:id',
      async ({ request, params, body, set }) => {
        const lead = await leads.patch(actorOf(request), params.id, body, expectedVersions(request));
        set.headers.etag = etag(lead.version);
        return lead;
      },
      {
        access: 'leads:write',
        params: LeadId,
        body: LeadPatch,
        response: { 200: Lead },
        detail: {
          operationId: 'patchLead',
          'x-headers': ['If-Match'],
          summary: 'Change some fields of a lead',
          description:
            'Fields left out stay; null clears. Custom fields are merged key by key, null removes one.',
        },
      },
    )
    .delete(
      '/:id',
      async ({ request, params, status }) => {
        await leads.remove(actorOf(request), params.id, expectedVersions(request));
        return status(204, undefined);
      },
      {
        access: 'leads:write',
        params: LeadId,
        response: { 204: done('The lead is gone.') },
        detail: {
          operationId: 'deleteLead',
          'x-headers': ['If-Match'],
          summary: 'Delete a lead',
          description:
            'Removes the lead and its personal data for good, also from the stored answer to its `Idempotency-Key`. ' +
            'Send `If-Match` to refuse when it has changed.',
        },
      },
    );
