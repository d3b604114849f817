/**
 * Events as `text/event-stream` has them (WHATWG HTML, 9.2), and the id at which a client that comes back wants to go on.
 */
import { InvalidRequest } from '@/platform/errors/problem.ts';

export interface StreamEvent {
  /** Comes back as `Last-Event-ID` when the client connects again: visible ASCII, at most 128 characters. */
  readonly id?: string;
  /** `message` to the client when left out. */
  readonly event?: string;
  /** Text of any number of lines, such as JSON. */
  readonly data: string;
}

const LONGEST_ID = 128;
const ID = /^[\x21-\x7e]+$/;
const LINE_END = /\r\n|\r|\n/;

/** The text of an event. Throws for an id or a name that would break the framing. */
export function frameOf({ id, event, data }: StreamEvent): string {
  let frame = '';
  if (id !== undefined) {
    if (!isId(id)) throw new Error('the id of an event is not visible ASCII of at most 128 characters');
    frame += `id: ${id}\n`;
  }
  if (event !== undefined) {
    if (LINE_END.test(event)) throw new Error('the name of an event has more than one line');
    frame += `event: ${event}\n`;
  }
  for (const line of data.split(LINE_END)) frame += `data: ${line}\n`;
  return `${frame}\n`;
}

/** A line that clients ignore: it keeps the connection alive, or tells people why it ends. */
export const commentOf = (text: string): string => `: ${text}\n\n`;

/** The id of the last event that a client has seen; null when it starts. Throws 422 for what can be no id of ours, so ask before the stream is opened. */
export function lastEventId(request: Request): string | null {
  const id = request.headers.get('last-event-id');
  if (id === null || id === '') return null;
  if (isId(id)) return id;
  const message = 'Not the id of an event';
  throw new InvalidRequest(`Last-Event-ID: ${message}.`, {
    errors: [{ in: 'header', path: '/last-event-id', message }],
  });
}

const isId = (text: string): boolean => text.length <= LONGEST_ID && ID.test(text);
