import { expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { nullable } from '@/platform/schema/parts.ts';
import { type ExampleSchema, exampleOf } from '@/server/docs/example.ts';

const UUID = '0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77';

test.each([
  ['its own example', Type.String({ examples: ['Ada', 'Grace'] }), 'Ada'],
  ['a default', Type.Integer({ default: 100, minimum: 1 }), 100],
  ['the least number', Type.Integer({ minimum: 1 }), 1],
  ['the first choice', Type.Union([Type.Literal('queued'), Type.Literal('running')]), 'queued'],
  ['something rather than null', nullable(Type.String({ examples: ['Ada'] })), 'Ada'],
  ['null rather than nothing', nullable(Type.String()), null],
  ['a time', Type.String({ format: 'date-time' }), '2026-01-31T09:30:00.000Z'],
  ['an id by its name', Type.Object({ lead_id: Type.String() }), { lead_id: UUID }],
  [
    'the examples of the fields, whatever the default',
    Type.Object({ a: Type.Boolean(), b: Type.Array(Type.String({ examples: ['x'] })) }, { default: {} }),
    { a: true, b: ['x'] },
  ],
  ['nothing of what says nothing', Type.String(), undefined],
])('an example is %s', (_, schema, example) => {
  expect(exampleOf(schema as ExampleSchema)).toEqual(example);
});
