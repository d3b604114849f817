import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { temporaryFolder } from '@test/support/folder.ts';
import { describeWith } from '@test/support/services.ts';
import { until } from '@test/support/wait.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { ServiceManager } from '@/supervisor/service_manager.ts';

/** Everything that somebody hears on a socket. */
function listenOn(path: string) {
  const child = Bun.spawn(['socat', '-u', `UNIX-RECV:${path}`, '-'], { stdout: 'pipe' });
  const heard = { text: '' };
  const reading = (async () => {
    for await (const chunk of child.stdout) heard.text += new TextDecoder().decode(chunk);
  })();
  return {
    heard,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await reading;
    },
  };
}

describeWith('socat', Bun.which('socat') !== null, 'the service manager', () => {
  test('gets what it did not take at first, in order', async () => {
    await using folder = temporaryFolder();
    const socket = join(folder.path, 'notify');
    using manager = await ServiceManager.open({ socket, watchdogMs: null }, silentLogger);
    manager?.status('early');
    manager?.ready('4 of 4');
    await using listener = listenOn(socket);
    await until(() => listener.heard.text === 'STATUS=earlyREADY=1\nSTATUS=4 of 4');
  });

  test('is not told of a reload before readiness, nor of readiness in a stop', async () => {
    await using folder = temporaryFolder();
    const socket = join(folder.path, 'notify');
    await using listener = listenOn(socket);
    using manager = await ServiceManager.open({ socket, watchdogMs: null }, silentLogger);
    manager?.reloading();
    manager?.reloaded('x');
    manager?.stopping('going');
    manager?.reloaded('x');
    manager?.status('last');
    manager?.stopping('twice');
    await until(() => listener.heard.text !== '');
    expect(listener.heard.text).toBe('STOPPING=1\nSTATUS=going');
  });

  test('gets signs of life only while somebody lives, and in a stop in any case', async () => {
    await using folder = temporaryFolder();
    const socket = join(folder.path, 'notify');
    await using listener = listenOn(socket);
    using manager = await ServiceManager.open({ socket, watchdogMs: 30 }, silentLogger);
    let asked = 0;
    let lives = false;
    manager?.watch(() => {
      asked += 1;
      return lives;
    });
    await until(() => asked > 3);
    expect(listener.heard.text).toBe('');
    lives = true;
    await until(() => listener.heard.text.includes('WATCHDOG=1'));
    lives = false;
    manager?.stopping('going');
    await until(() => listener.heard.text.split('STOPPING=1')[1]?.includes('WATCHDOG=1'));
  });
});

test('nobody who listens is no trouble', async () => {
  expect(await ServiceManager.open({ socket: undefined, watchdogMs: 1_000 }, silentLogger)).toBeNull();
  expect(await ServiceManager.open({ socket: 'vsock:2:1', watchdogMs: 1_000 }, silentLogger)).toBeNull();
});
