/** Datagrams to a Unix socket, with a reader of another make. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { temporaryFolder } from '@test/support/folder.ts';
import { describeWith } from '@test/support/services.ts';
import { until } from '@test/support/wait.ts';
import { datagramSender } from '@/platform/native/datagram.ts';

describeWith('socat', Bun.which('socat') !== null, 'a datagram reaches a socket', () => {
  test.each([
    ['with a file', (folder: string) => join(folder, 'socket'), (path: string) => `UNIX-RECV:${path}`],
    [
      'with an abstract name',
      () => `@ao-test-${crypto.randomUUID()}`,
      (name: string) => `ABSTRACT-RECV:${name.slice(1)}`,
    ],
  ])('%s', async (_, addressIn, receiverOf) => {
    await using folder = temporaryFolder();
    const address = addressIn(folder.path);
    const receiver = Bun.spawn(['socat', '-u', receiverOf(address), '-'], { stdout: 'pipe' });
    let heard = '';
    const reading = (async () => {
      for await (const chunk of receiver.stdout) heard += new TextDecoder().decode(chunk);
    })();
    const send = await datagramSender(address);
    // Refused until the reader is there.
    await until(() => send('READY=1\nSTATUS=ein Gruß'));
    await until(() => heard === 'READY=1\nSTATUS=ein Gruß');
    receiver.kill();
    await reading;
    await until(() => !send('into the void'));
  });
});

test.each(['vsock:2:1', 'relative/path', `/${'long'.repeat(40)}`])('%s is no address', async (address) => {
  await expect(datagramSender(address)).rejects.toThrow('is not the address of a Unix socket');
});
