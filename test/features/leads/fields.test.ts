/** What is stored of what a client gives: tables of cases. */
import { describe, expect, test } from 'bun:test';
import { changedFields, differences, fromNothing, givenFields } from '@/features/leads/differences.ts';
import { normalEmail, patchedFields, type StoredFields, storedFields } from '@/features/leads/fields.ts';
import type { LeadInput, LeadPatch } from '@/features/leads/schema.ts';
import { InvalidRequest } from '@/platform/errors/problem.ts';

const NOTHING: StoredFields = {
  first_name: null,
  last_name: null,
  email: null,
  phone: null,
  company: null,
  source: null,
  custom_fields: '{}',
};
const stored = (over: Partial<StoredFields>): StoredFields => ({ ...NOTHING, ...over });

test.each([
  ['Ada@Example.COM', 'ada@example.com'],
  [' ada@example.com\n', 'ada@example.com'],
  ['ada@Bücher.Example', 'ada@xn--bcher-kva.example'],
  ['"a@b"@example.com', '"a@b"@example.com'],
  ['ada@-ü%.example', null],
])('the normal form of the address %j is %j', (given, normal) => {
  expect(normalEmail(given)).toBe(normal);
});

describe('a lead as it is stored', () => {
  test.each<[string, LeadInput, Partial<StoredFields>]>([
    ['is trimmed', { first_name: ' Ada ', company: '\tEngines' }, { first_name: 'Ada', company: 'Engines' }],
    ['has null for what is empty', { phone: '1', source: '  ', last_name: '' }, { phone: '1' }],
    ['has null for what is null', { phone: '1', source: null }, { phone: '1' }],
    [
      'has custom fields as JSON',
      { phone: '1', custom_fields: { a: [1] } },
      { phone: '1', custom_fields: '{"a":[1]}' },
    ],
  ])('%s', (_, input, fields) => {
    expect(storedFields(input)).toEqual(stored(fields));
  });

  test.each<[string, LeadInput, string]>([
    ['by nothing', {}, 'at least one of email, phone, last_name, company'],
    ['by a first name alone', { first_name: 'Ada', source: 'web' }, 'at least one of'],
    ['by blanks', { email: '  ', phone: ' ' }, 'at least one of'],
    ['by an address that cannot be', { email: 'ada@-ü%.example' }, 'body/email: Its domain is not possible'],
    ['by a domain that grows too long', { email: `a@${'ü.'.repeat(150)}example` }, 'body/email'],
  ])('is not recognised %s', (_, input, message) => {
    expect(() => storedFields(input)).toThrow(InvalidRequest);
    expect(() => storedFields(input)).toThrow(message);
  });

  test('has a bound on its custom fields', () => {
    const custom_fields = { text: 'x'.repeat(65_536) };
    expect(() => storedFields({ phone: '1', custom_fields })).toThrow('body/custom_fields');
  });
});

describe('a patch', () => {
  const before = stored({ email: 'a@example.com', phone: '1', custom_fields: '{"a":1,"b":{"c":2}}' });
  test.each<[string, LeadPatch, Partial<StoredFields>]>([
    ['leaves what it does not name', { source: 'web' }, { source: 'web' }],
    ['clears with null and with blanks', { phone: null, source: ' ' }, { phone: null }],
    ['takes the normal form', { email: ' B@Example.com' }, { email: 'b@example.com' }],
    ['merges custom fields', { custom_fields: { d: 4 } }, { custom_fields: '{"a":1,"b":{"c":2},"d":4}' }],
    ['removes a custom field with null', { custom_fields: { a: null } }, { custom_fields: '{"b":{"c":2}}' }],
    [
      'replaces a custom field as a whole',
      { custom_fields: { b: { d: 1 } } },
      { custom_fields: '{"a":1,"b":{"d":1}}' },
    ],
  ])('%s', (_, patch, fields) => {
    expect(patchedFields(before, patch)).toEqual({ ...before, ...fields });
  });

  test('must leave something to recognise the lead by', () => {
    expect(() => patchedFields(before, { email: null, phone: null })).toThrow('at least one of');
  });
});

describe('what has changed', () => {
  const row = (over: Partial<StoredFields> & { crm_id?: string | null }) => ({
    crm_id: null,
    ...stored(over),
  });
  test.each<[string, ReturnType<typeof row>, ReturnType<typeof row>, object]>([
    ['is nothing between equals', row({ phone: '1' }), row({ phone: '1' }), {}],
    ['is a value that came', row({}), row({ crm_id: '7' }), { crm_id: { before: null, after: '7' } }],
    ['is a value that went', row({ phone: '1' }), row({}), { phone: { before: '1', after: null } }],
    [
      'is of the custom fields only those that differ',
      row({ custom_fields: '{"a":1,"b":[1,{"c":2}],"gone":1}' }),
      row({ custom_fields: '{"a":2,"b":[1,{"c":2}],"new":null}' }),
      { custom_fields: { before: { a: 1, gone: 1 }, after: { a: 2, new: null } } },
    ],
  ])('%s', (_, before, after, changes) => {
    expect(differences(before, after)).toEqual(changes as never);
    expect(changedFields(before, after).map(String)).toEqual(Object.keys(changes));
  });

  test('of a new lead is what it has', () => {
    const given = givenFields({ ...NOTHING, email: 'a@example.com', custom_fields: { a: 1 } });
    expect(given).toEqual({ email: 'a@example.com', custom_fields: { a: 1 } });
    expect(fromNothing({ phone: '1' })).toEqual({ phone: { before: null, after: '1' } });
    expect(givenFields({ ...NOTHING, custom_fields: {} })).toEqual({});
  });
});
