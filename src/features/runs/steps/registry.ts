/** Every step type there is. A new one is a file beside this one and a line here. */
import type { StepType } from '@/features/workflows/step.ts';
import { crmUpsert } from './crm_upsert.ts';
import { delay } from './delay.ts';
import { httpRequest } from './http_request.ts';
import { leadUpdate } from './lead_update.ts';

export const STEP_TYPES: readonly StepType[] = [httpRequest, crmUpsert, leadUpdate, delay];
