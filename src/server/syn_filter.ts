/**
 * Closing a port resets the connections that the kernel has accepted and the process has not, and those that have not
 * yet sent their request. So before that, the kernel is asked to overlook new connection attempts on our own
 * listening socket, by a socket filter that drops SYN segments: whoever comes then tries again a second later,
 * and finds another worker or a closed port, but never half an answer. Linux only; elsewhere the port is just closed.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { openLibc } from '@/platform/native/libc.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const LISTEN_STATE = '0A';

/** Classic BPF over the TCP header: `[operation, jump if true, jump if false, operand]`. */
const DROP_SYN: readonly (readonly [number, number, number, number])[] = [
  [0x30, 0, 0, 13], // load the byte of flags
  [0x54, 0, 0, 0x12], // keep SYN and ACK
  [0x15, 0, 1, 0x02], // SYN alone: a new connection
  [0x06, 0, 0, 0], // drop
  [0x06, 0, 0, 0xffff_ffff], // pass all else: those under way go on
];

/** The program as `struct sock_filter[]`. At module level: the kernel gets its address, so it must stay where it is. */
const FILTER = new DataView(new ArrayBuffer(DROP_SYN.length * 8));
for (const [index, [operation, ifTrue, ifFalse, operand]] of DROP_SYN.entries()) {
  FILTER.setUint16(index * 8, operation, true);
  FILTER.setUint8(index * 8 + 2, ifTrue);
  FILTER.setUint8(index * 8 + 3, ifFalse);
  FILTER.setUint32(index * 8 + 4, operand, true);
}
/** `struct sock_fprog`: the number of instructions and, aligned, their address. */
const PROGRAM = new DataView(new ArrayBuffer(16));

/** True when new connections are dropped from now on. Never throws: without it the drain is only less gentle. */
export async function dropNewConnections(port: number, log: Logger): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    const sockets = ownListeners(port);
    const attach = await filterAttacher();
    return sockets.length > 0 && sockets.every(attach);
  } catch (error) {
    log.debug('the port closes without a filter for new connections', { reason: messageOf(error) });
    return false;
  }
}

/** File descriptors of this process's sockets that listen on a port. */
function ownListeners(port: number): number[] {
  const wanted = new Set<string>();
  for (const table of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      const localPort = Number.parseInt(columns[1]?.split(':')[1] ?? '', 16);
      if (columns[3] === LISTEN_STATE && localPort === port) wanted.add(`socket:[${columns[9]}]`);
    }
  }
  return readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      return wanted.has(readlinkSync(`/proc/self/fd/${name}`)) ? Number(name) : [];
    } catch {
      return []; // closed since the folder was read
    }
  });
}

async function filterAttacher(): Promise<(descriptor: number) => boolean> {
  const { ptr } = await import('bun:ffi');
  const { setsockopt } = await openLibc({
    setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  });
  PROGRAM.setUint16(0, DROP_SYN.length, true);
  PROGRAM.setBigUint64(8, BigInt(ptr(FILTER)), true);
  return (descriptor) =>
    setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, ptr(PROGRAM), PROGRAM.byteLength) === 0;
}
