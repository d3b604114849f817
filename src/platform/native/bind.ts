/**
 * Whether an address could be listened on, found out without listening: whoever waits for the port to open must not find
 * it open for the moment of a trial.
 */
import { type Address, parseAddress } from '@/platform/net/ranges.ts';
import { openLibc } from './libc.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

/** `struct sockaddr_in`, or `struct sockaddr_in6`. */
function socketAddress(address: Address, port: number): Uint8Array {
  const isV4 = address.kind() === 'ipv4';
  const structure = new Uint8Array(isV4 ? 16 : 28);
  const view = new DataView(structure.buffer);
  view.setUint16(0, isV4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  structure.set(address.toByteArray(), isV4 ? 4 : 8);
  return structure;
}

/** True when nothing is in the way. False says nothing: for a host name, or on a system unlike Linux, nobody looks. */
export async function canBind(host: string, port: number): Promise<boolean> {
  const address = parseAddress(host);
  if (!address || process.platform !== 'linux') return false;
  try {
    const { ptr } = await import('bun:ffi');
    const { socket, setsockopt, bind, close } = await openLibc({
      socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
      setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
      bind: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
      close: { args: ['i32'], returns: 'i32' },
    });
    const target = socketAddress(address, port);
    const family = target.length === 16 ? AF_INET : AF_INET6;
    const descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return false;
    // Connections of an earlier server that are still being wound up are not in the way; its listeners are.
    const yes = new Int32Array([1]);
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, ptr(yes), yes.byteLength);
    const bound = bind(descriptor, ptr(target), target.length) === 0;
    close(descriptor);
    return bound;
  } catch {
    return false;
  }
}
