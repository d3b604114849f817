/**
 * A proxy that nobody has named in `server.trusted_proxies` makes one address of all its clients, and nobody sees why
 * they share a limit. So the log says it, once for the whole server, and once more for another list.
 */
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { UntrustedProxy } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';

export function proxyWarning(config: LiveConfig, log: Logger): (proxy: UntrustedProxy) => void {
  let warnedFor: string | null = null;
  return ({ peer, header }) => {
    const list = JSON.stringify(config.current.server.trusted_proxies);
    if (list === warnedFor) return;
    warnedFor = list;
    log.warn(
      'forwarding header ignored, its sender is not trusted: if that is your proxy, add it to server.trusted_proxies',
      { peer, header },
    );
  };
}
