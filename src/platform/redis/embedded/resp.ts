/** Replies on the wire (RESP2). */

/** A reply that is a status such as `OK`, as against a string of data. */
export class Status {
  constructor(readonly text: string) {}
}
export const OK = new Status('OK');

/** What a client is told as an error; the first word is the code that clients switch on. */
export class ReplyFailure extends Error {
  override readonly name = 'ReplyFailure';
}

export const unknownCommand = (name: string): ReplyFailure =>
  new ReplyFailure(`ERR unknown command '${name.slice(0, 64)}'`);

const CODE = /^[A-Z]{2,} /;
const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ');

/** Anything a command returned, as text for the wire. */
export function encodeReply(reply: unknown): string {
  if (typeof reply === 'number') {
    return Number.isInteger(reply) ? `:${reply}\r\n` : encodeReply(String(reply));
  }
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  if (reply === null || reply === undefined) return '$-1\r\n';
  if (reply instanceof Status) return `+${reply.text}\r\n`;
  if (reply instanceof Error) {
    // A command that ioredis-mock does not have.
    if (reply.message.startsWith('Unsupported command'))
      return '-ERR command not supported by the embedded Redis\r\n';
    const message = oneLine(reply.message) || 'unknown failure';
    return `-${CODE.test(message) ? message : `ERR ${message}`}\r\n`;
  }
  if (Buffer.isBuffer(reply)) return encodeReply(reply.toString());
  if (typeof reply === 'boolean') return reply ? ':1\r\n' : ':0\r\n';
  if (typeof reply === 'bigint') return `:${reply}\r\n`;
  if (reply instanceof Set) return encodeReply([...reply]);
  if (Array.isArray(reply)) return `*${reply.length}\r\n${reply.map(encodeReply).join('')}`;
  // Commands such as HGETALL give objects: on the wire they are names and values in turn.
  return encodeReply(Object.entries(reply).flat());
}
