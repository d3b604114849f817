/** Commands of the embedded Redis that are not about data: scripts of ours, pub/sub, the connection, the server. */
import { now } from '@/platform/time/clock.ts';
import type { RedisScript } from '../script.ts';
import type { Channels, Listener } from './channels.ts';
import type { Keyspace } from './keyspace.ts';
import { OK, ReplyFailure, Status } from './resp.ts';

/** What commands see of the client that sent them. */
export interface Client extends Listener {
  readonly id: number;
  name: string;
}

export interface Services {
  readonly keyspace: Keyspace;
  readonly channels: Channels<Client>;
  /** By SHA-1 of their Lua text. */
  readonly scripts: ReadonlyMap<string, RedisScript>;
  readonly sessions: ReadonlySet<Client>;
  readonly startedAt: number;
  /** Whether there is such a command. */
  knows(name: string): boolean;
}

type Command = (args: readonly string[], services: Services, session: Client) => unknown;

const wrongArguments = (name: string): ReplyFailure =>
  new ReplyFailure(`ERR wrong number of arguments for '${name}' command`);

/** EVAL and EVALSHA: the native twin for a script of ours, ioredis-mock's interpreter for any other. */
function evaluate(name: 'eval' | 'evalsha', args: readonly string[], services: Services): unknown {
  const [script = '', count = '', ...rest] = args;
  const keys = Number(count);
  if (!Number.isInteger(keys) || keys < 0 || keys > rest.length) {
    return new ReplyFailure('ERR value is not an integer or out of range');
  }
  const sha =
    name === 'eval' ? new Bun.CryptoHasher('sha1').update(script).digest('hex') : script.toLowerCase();
  const known = services.scripts.get(sha);
  if (!known) return services.keyspace.command(name, args);
  return known.native(services.keyspace, rest.slice(0, keys), rest.slice(keys));
}

function script([verb = '', ...args]: readonly string[], { scripts }: Services): unknown {
  switch (verb.toLowerCase()) {
    case 'load': {
      const sha = new Bun.CryptoHasher('sha1').update(args[0] ?? '').digest('hex');
      return scripts.has(sha)
        ? sha
        : new ReplyFailure('ERR the embedded Redis loads only scripts of its own');
    }
    case 'exists':
      return args.map((sha) => (scripts.has(sha.toLowerCase()) ? 1 : 0));
    case 'flush':
      return OK;
    case 'kill':
      return new ReplyFailure('NOTBUSY No scripts in execution right now.');
    default:
      return new ReplyFailure(`ERR unknown subcommand '${verb.slice(0, 64)}'`);
  }
}

function client([verb = '', ...args]: readonly string[], { sessions }: Services, session: Client): unknown {
  switch (verb.toLowerCase()) {
    case 'setname':
      session.name = args[0] ?? '';
      return OK;
    case 'getname':
      return session.name === '' ? null : session.name;
    case 'id':
      return session.id;
    case 'list':
      return [...sessions].map(({ id, name }) => `id=${id} name=${name}\n`).join('');
    case 'setinfo':
    case 'no-evict':
    case 'no-touch':
      return OK;
    default:
      return new ReplyFailure(`ERR unknown subcommand '${verb.slice(0, 64)}'`);
  }
}

function info(_: readonly string[], { keyspace, sessions, startedAt }: Services): string {
  const lines = [
    '# Server',
    'redis_version:7.0.0',
    'redis_mode:standalone',
    `process_id:${process.pid}`,
    `uptime_in_seconds:${Math.floor((now() - startedAt) / 1000)}`,
    '# Clients',
    `connected_clients:${sessions.size}`,
    '# Persistence',
    'loading:0',
    '# Replication',
    'role:master',
    '# Keyspace',
    `db0:keys=${keyspace.size()}`,
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function hello([version]: readonly string[], _: Services, session: Client): unknown {
  if (version !== undefined && version !== '2')
    return new ReplyFailure('NOPROTO unsupported protocol version');
  return [
    'server',
    'redis',
    'version',
    '7.0.0',
    'proto',
    2,
    'id',
    session.id,
    'mode',
    'standalone',
    'role',
    'master',
    'modules',
    [],
  ];
}

function unsubscribe(args: readonly string[], { channels }: Services, session: Client): unknown {
  const names = args.length > 0 ? args : channels.of(session);
  if (names.length === 0) return ['unsubscribe', null, 0];
  for (const name of names) session.push(['unsubscribe', name, channels.remove(session, name)]);
  return undefined;
}

/** By lower-case name. A command that returns undefined has sent its replies itself. */
export const commands: Readonly<Record<string, Command>> = Object.assign(Object.create(null), {
  eval: (args, services) => evaluate('eval', args, services),
  evalsha: (args, services) => evaluate('evalsha', args, services),
  script,
  client,
  info,
  hello,
  ping: ([message], { channels }, session) => {
    if (channels.of(session).length > 0) return ['pong', message ?? ''];
    return message ?? new Status('PONG');
  },
  echo: ([message]) => message ?? wrongArguments('echo'),
  time: (_, { keyspace }) => {
    const ms = keyspace.timeMs();
    return [String(Math.floor(ms / 1000)), String((ms % 1000) * 1000)];
  },
  select: ([index]) => (index === '0' ? OK : new ReplyFailure('ERR DB index is out of range')),
  auth: () => new ReplyFailure('ERR Client sent AUTH, but no password is set.'),
  command: ([verb]) => (verb?.toLowerCase() === 'count' ? 0 : []),
  quit: () => OK,
  subscribe: (names, { channels }, session) => {
    if (names.length === 0) return wrongArguments('subscribe');
    for (const name of names) session.push(['subscribe', name, channels.add(session, name)]);
    return undefined;
  },
  unsubscribe,
  publish: ([channel, message], { channels }) =>
    channel === undefined || message === undefined
      ? wrongArguments('publish')
      : channels.publish(channel, message),
  pubsub: ([verb = '', ...args], { channels }) => {
    if (verb.toLowerCase() === 'channels') return channels.names();
    if (verb.toLowerCase() === 'numsub') return args.flatMap((name) => [name, channels.count(name)]);
    return new ReplyFailure(`ERR unknown subcommand '${verb.slice(0, 64)}'`);
  },
} satisfies Record<string, Command>);
