/**
 * A worker as the supervisor sees one, without a server in it. Arguments: a file to which every message that arrives
 * and every change of state is appended as a JSON line, and how to behave.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { ALIVE_EVERY_MS, type ToSupervisor, type ToWorker } from '@/platform/ipc/messages.ts';

const [journal = '', behaviour = 'good'] = process.argv.slice(2);
const note = (entry: object): void =>
  appendFileSync(journal, `${JSON.stringify({ pid: process.pid, ...entry })}\n`);
const say = (message: ToSupervisor): void => void process.send?.(message);

process.on('disconnect', () => {
  note({ event: 'orphaned' });
  process.exit(1);
});
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => {
  say({ type: 'drained' });
  process.exit(0);
});

process.on('message', (message: ToWorker) => {
  note({ event: message.type, message });
  if (message.type === 'init') begin(message.slot);
  if (message.type === 'listen') {
    if (behaviour === 'dies-at-the-port') process.exit(9);
    note({ event: 'ready' });
    say({ type: 'ready' });
  }
  if (message.type === 'drain' && behaviour !== 'stubborn') {
    say({ type: 'drained' });
    process.exit(0);
  }
});

function begin(slot: number): void {
  switch (behaviour) {
    case 'mute':
      return;
    case 'broken':
      process.stderr.write('no room for the cache\n');
      process.exit(9);
      return;
    case 'second-is-broken':
      if (slot === 1) process.exit(9);
      break;
    case 'second-dies-once':
      // The first of its kind notes its death, so that the next one lives.
      if (slot === 1 && !readFileSync(journal, 'utf8').includes('"event":"fell"')) {
        note({ event: 'fell' });
        process.exit(9);
      }
      break;
    case 'dies-at-the-port':
      break;
    case 'refusing':
      say({ type: 'failed', message: 'the database is newer than this program', fatal: true });
      process.exit(1);
  }
  note({ event: 'prepared' });
  say({ type: 'prepared' });
}

note({ event: 'born' });
say({ type: 'hello' });
setInterval(() => say({ type: 'alive' }), ALIVE_EVERY_MS);
