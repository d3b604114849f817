/** The SQLite file of a data folder as a `Database`. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type SelectModifierNode, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { DataPaths } from '@/platform/config/paths.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { checkSocketPath } from '@/platform/ipc/socket_path.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Database } from '../database.ts';
import { dialectParts, kyselyOver, StatementExecutor } from '../executor.ts';
import { SqliteConnection } from './connection.ts';
import { openFailure, translated } from './errors.ts';
import { SocketTurns } from './socket_turns.ts';
import { localTurns, type Turns } from './turn.ts';
import { Writer } from './writer.ts';

/** There are no row locks to ask for: a write transaction has the whole file to itself. */
class QueryCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier !== 'ForUpdate' && node.modifier !== 'SkipLocked') super.visitSelectModifier(node);
  }
}

const parts = dialectParts({
  name: 'sqlite',
  adapter: new SqliteAdapter(),
  compiler: new QueryCompiler(),
  introspector: (db) => new SqliteIntrospector(db),
});

const IDLE_LIMIT_MS = 10_000;

interface SqliteOptions {
  readonly url: string;
  readonly paths: DataPaths;
  readonly log: Logger;
  readonly turns?: 'server' | 'local' | undefined;
  /** A transaction that runs no query for so long is undone (10 s unless given). */
  readonly idleLimitMs?: number;
}

/** Creates the file and its folder if need be. */
export async function openSqlite(options: SqliteOptions): Promise<Database> {
  const path = filePath(options);
  const { write, read } = openFile(path);
  const { idleLimitMs = IDLE_LIMIT_MS } = options;
  const turns = await turnsFor(options);
  const writer = new Writer({ connection: write, parts, path, turns, idleLimitMs });
  const readers = new StatementExecutor(
    parts,
    (sql, parameters) => {
      try {
        return read.run(sql, parameters);
      } catch (error) {
        throw translated(error, path);
      }
    },
    false,
  );
  const db = kyselyOver(parts, readers);
  return {
    dialect: 'sqlite',
    read: db,
    write: (work) => writer.write(work),
    ping: async () => void read.run('select 1 from sqlite_master limit 1', []),
    close: async () => {
      await writer.close();
      readers.end();
      read.close();
      write.close();
    },
  };
}

/**
 * Where the file of a `sqlite:` URL is. Throws CommandFailure (exit 2) for a URL that names none, or one outside the
 * data folder: two servers could write to it, each with its own lock, turns and secrets.
 */
export function filePath({ url, paths }: Pick<SqliteOptions, 'url' | 'paths'>): string {
  const file = url.replace(/^sqlite:(\/\/(?=\/))?/, '');
  if (file === '' || file.startsWith(':')) {
    throw new CommandFailure(`database.url ${url} names no file: write sqlite:FILE`, 2);
  }
  const path = resolve(paths.root, file);
  if (!path.startsWith(`${resolve(paths.root)}/`)) {
    throw new CommandFailure(
      `database.url ${url} is outside the data folder ${paths.root}: name a file in it, and the folder with --data-dir`,
      2,
    );
  }
  return path;
}

function openFile(path: string): { write: SqliteConnection; read: SqliteConnection } {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // SQLite gives its side files the mode of this one: nobody else may read them.
    closeSync(openSync(path, 'a', 0o600));
    const write = new SqliteConnection(path, 'write');
    return { write, read: new SqliteConnection(path, 'read') };
  } catch (error) {
    throw openFailure(error, path);
  }
}

async function turnsFor({ paths, log, turns }: SqliteOptions): Promise<Turns> {
  if (turns === 'local') return localTurns;
  if (turns !== 'server') return (await SocketTurns.ifServed(paths.turnsSocket, log)) ?? localTurns;
  checkSocketPath(paths.turnsSocket);
  return SocketTurns.awaited(paths.turnsSocket, log);
}
