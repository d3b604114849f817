import { describe, expect, test } from 'bun:test';
import { commentOf, frameOf, lastEventId } from '@/platform/http/event_frame.ts';

describe('the text of an event', () => {
  test.each([
    [{ data: 'a' }, 'data: a\n\n'],
    [{ id: '7', event: 'lead.created', data: '{"a":1}' }, 'id: 7\nevent: lead.created\ndata: {"a":1}\n\n'],
    [{ data: 'one\ntwo\r\nthree\rfour' }, 'data: one\ndata: two\ndata: three\ndata: four\n\n'],
    [{ data: '' }, 'data: \n\n'],
    [{ data: ' led by a space' }, 'data:  led by a space\n\n'],
  ])('%j', (event, text) => {
    expect(frameOf(event)).toBe(text);
  });

  test.each([
    { id: 'a\nb', data: '' },
    { id: 'a\u0000', data: '' },
    { id: '', data: '' },
    { id: 'x'.repeat(129), data: '' },
    { event: 'a\rdata: forged', data: '' },
  ])('cannot be broken by %j', (event) => {
    expect(() => frameOf(event)).toThrow(/of an event/);
  });

  test('a comment is a line that clients ignore', () => {
    expect(commentOf('still here')).toBe(': still here\n\n');
  });
});

describe('where a client goes on', () => {
  const asked = (id: string | null): string | null =>
    lastEventId(new Request('http://localhost/', { headers: id === null ? {} : { 'last-event-id': id } }));

  test.each([
    [null, null],
    ['', null],
    ['0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77', '0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77'],
    ['42', '42'],
  ])('%p', (given, id) => {
    expect(asked(given)).toBe(id);
  });

  test.each(['a b', 'x'.repeat(129), 'ä'])('refused: %p', (given) => {
    expect(() => asked(given)).toThrow('Last-Event-ID: Not the id of an event.');
  });
});
