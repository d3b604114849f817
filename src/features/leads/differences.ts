/** What a change has changed: the fields, with their values before and after. Pure. */
import { TEXT_FIELDS } from './fields.ts';
import type { FieldChanges, LeadInput } from './schema.ts';
import type { LeadRow } from './store.ts';

const KEPT_FIELDS = [...TEXT_FIELDS, 'custom_fields', 'crm_id'] as const;

type KeptFields = Pick<LeadRow, (typeof KEPT_FIELDS)[number]>;

/** Names of the fields that differ. */
export const changedFields = (before: KeptFields, after: KeptFields): (keyof KeptFields)[] =>
  KEPT_FIELDS.filter((name) => before[name] !== after[name]);

/** Each field that differs, before and after; of the custom fields only the keys that differ. */
export const differences = (before: KeptFields, after: KeptFields): FieldChanges =>
  Object.fromEntries(
    changedFields(before, after).map((name) => [
      name,
      name === 'custom_fields'
        ? customDifferences(JSON.parse(before.custom_fields), JSON.parse(after.custom_fields))
        : { before: before[name], after: after[name] },
    ]),
  );

type CustomFields = Readonly<Record<string, unknown>>;

function customDifferences(before: CustomFields, after: CustomFields): FieldChanges[string] {
  const same = (key: string): boolean =>
    Object.hasOwn(before, key) && Object.hasOwn(after, key) && Bun.deepEquals(before[key], after[key], true);
  const differing = (fields: CustomFields): CustomFields =>
    Object.fromEntries(Object.entries(fields).filter(([key]) => !same(key)));
  return { before: differing(before), after: differing(after) };
}

/** The fields of a new lead that have a value: all that its first change has to keep. */
export function givenFields(lead: Required<LeadInput>): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const name of TEXT_FIELDS) if (lead[name] !== null) given[name] = lead[name];
  if (Object.keys(lead.custom_fields).length > 0) given.custom_fields = lead.custom_fields;
  return given;
}

/** The fields of a new lead as changes from nothing. */
export const fromNothing = (given: Readonly<Record<string, unknown>>): FieldChanges =>
  Object.fromEntries(Object.entries(given).map(([name, after]) => [name, { before: null, after }]));
