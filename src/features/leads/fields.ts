/**
 * What a client may set of a lead, and the form in which it is stored: trimmed, empty as null, an e-mail address in
 * lower case with its domain as the name system has it. Pure: the same for the API, for runs and for filters.
 */
import { domainToASCII } from 'node:url';
import { InvalidRequest } from '@/platform/errors/problem.ts';
import { type LeadInput, type LeadPatch, LONGEST_EMAIL } from './schema.ts';
import type { LeadRow } from './store.ts';

export const TEXT_FIELDS = ['first_name', 'last_name', 'email', 'phone', 'company', 'source'] as const;
const IDENTIFYING = ['email', 'phone', 'last_name', 'company'] as const;
const LARGEST_CUSTOM_FIELDS = 65_536;

/** The fields of a lead that a client may set, as they are stored. */
export type StoredFields = Pick<LeadRow, (typeof TEXT_FIELDS)[number] | 'custom_fields'>;
type TextFields = Omit<StoredFields, 'custom_fields'>;

const invalid = (path: string, message: string): InvalidRequest =>
  new InvalidRequest(`body${path}: ${message}.`, { errors: [{ in: 'body', path, message }] });

/** Lower case, and the domain as the name system has it (IDNA); null for a domain that there cannot be. */
export function normalEmail(text: string): string | null {
  const email = text.trim().toLowerCase();
  const at = email.lastIndexOf('@') + 1;
  const domain = email.slice(at);
  const ascii = /^\p{ASCII}*$/u.test(domain) ? domain : domainToASCII(domain);
  return ascii === '' ? null : email.slice(0, at) + ascii;
}

/**
 * A whole lead as it is stored. Throws 422 for an e-mail address that there cannot be, for a lead that nobody could
 * recognise, and for custom fields that are too large.
 */
export function storedFields(input: LeadInput): StoredFields {
  const texts = textFields(input);
  return { ...texts, custom_fields: customFields(input.custom_fields ?? {}) };
}

/** `stored` with the given fields changed: those left out stay, null clears. Throws as `storedFields` does. */
export function patchedFields(stored: StoredFields, patch: LeadPatch): StoredFields {
  const { custom_fields, ...texts } = patch;
  const current = Object.fromEntries(TEXT_FIELDS.map((name) => [name, stored[name]]));
  return {
    ...textFields({ ...current, ...texts }),
    custom_fields: custom_fields
      ? mergedCustomFields(stored.custom_fields, custom_fields)
      : stored.custom_fields,
  };
}

function textFields(input: Omit<LeadInput, 'custom_fields'>): TextFields {
  const trimmed = Object.fromEntries(
    TEXT_FIELDS.map((name) => [name, input[name]?.trim() || null]),
  ) as TextFields;
  const email = trimmed.email && normalEmail(trimmed.email);
  if (trimmed.email !== null && email === null) throw invalid('/email', 'Its domain is not possible');
  const fields = { ...trimmed, email };
  if (IDENTIFYING.every((name) => fields[name] === null)) {
    const detail = `A lead needs at least one of ${IDENTIFYING.join(', ')}.`;
    throw new InvalidRequest(detail, { errors: [{ in: 'body', path: '', message: detail }] });
  }
  if (fields.email !== null && fields.email.length > LONGEST_EMAIL) {
    throw invalid('/email', `Longer than ${LONGEST_EMAIL} characters as it is stored`);
  }
  return fields;
}

/** RFC 7396 on one level: null removes a key. */
function mergedCustomFields(stored: string, patch: Record<string, unknown>): string {
  const merged = { ...(JSON.parse(stored) as Record<string, unknown>), ...patch };
  return customFields(Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)));
}

/** Refused beyond the size at which a page of leads could still be answered. */
function customFields(value: Record<string, unknown>): string {
  const text = JSON.stringify(value);
  if (text.length <= LARGEST_CUSTOM_FIELDS) return text;
  throw invalid('/custom_fields', `Larger than ${LARGEST_CUSTOM_FIELDS} characters as JSON`);
}
