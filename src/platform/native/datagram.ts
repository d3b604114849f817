/**
 * Datagrams to a Unix socket, which the runtime does not send. An address that begins with "@" is an abstract one, which
 * has no file.
 */
import { openLibc } from './libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** Neither waits for a slow reader nor dies of one that has gone. */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path` of Linux holds 108 bytes. */
const MAX_PATH_BYTES = 108;

/** Sends one datagram; false when it was not taken. */
export type DatagramSender = (text: string) => boolean;

/** `struct sockaddr_un`. Throws for an address that the kernel could not take. */
function socketAddress(address: string): Uint8Array {
  const path = address.startsWith('@') ? `\0${address.slice(1)}` : `${address}\0`;
  const bytes = new TextEncoder().encode(path);
  if (!/^[/@]/.test(address) || bytes.length > MAX_PATH_BYTES) {
    throw new Error(`${JSON.stringify(address)} is not the address of a Unix socket`);
  }
  const structure = new Uint8Array(2 + bytes.length);
  new DataView(structure.buffer).setUint16(0, AF_UNIX, true);
  structure.set(bytes, 2);
  return structure;
}

/** Throws when there is no way to send any. */
export async function datagramSender(address: string): Promise<DatagramSender> {
  const target = socketAddress(address);
  const { ptr } = await import('bun:ffi');
  const { socket, sendto } = await openLibc({
    socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
    sendto: { args: ['i32', 'ptr', 'u64', 'i32', 'ptr', 'u32'], returns: 'i64' },
  });
  const descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw new Error('no Unix socket can be opened');
  return (text) => {
    const bytes = new TextEncoder().encode(text);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const sent = sendto(descriptor, ptr(bytes), bytes.length, flags, ptr(target), target.length);
    return Number(sent) === bytes.length;
  };
}
