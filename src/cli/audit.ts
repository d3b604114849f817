/** `audit …`: the audit log, its backups, and the proof that neither was tampered with. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { trustedKeys } from '@/features/audit/keys.ts';
import { verifyBackup } from '@/features/audit/verify.ts';
import { verifyChain } from '@/features/audit/verify_chain.ts';
import { dataPaths } from '@/platform/config/paths.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { tail } from './audit_tail.ts';
import type { Command, Words } from './command.ts';
import { CONFIG_FLAG, DATA_FLAG, dataFolderOf, JSON_FLAG } from './locations.ts';
import { print, printJson } from './output.ts';
import { inSession, requireOwner } from './session.ts';

const PLACES = { ...CONFIG_FLAG, ...DATA_FLAG };

interface Verdict {
  readonly ok: boolean;
  readonly events: number;
  readonly first_seq: number | null;
  readonly last_seq: number | null;
  /** Of the live log: events without a place in the chain. */
  readonly unsealed?: number;
  readonly problems: readonly string[];
  readonly notes?: readonly string[];
}

/** Exit code 0 when nothing was found, 1 otherwise. */
function tell(words: Words, what: string, verdict: Verdict): number {
  if (words.isSet('json')) {
    printJson(verdict);
    return verdict.ok ? 0 : 1;
  }
  const places = verdict.last_seq === null ? '' : ` (${verdict.first_seq ?? '?'} to ${verdict.last_seq})`;
  print(`${what}: ${verdict.ok ? 'good' : 'FAILED'}, ${verdict.events} events${places}`);
  if (verdict.unsealed) print(`  not sealed yet, and so not proven: ${verdict.unsealed} events`);
  for (const problem of verdict.problems) print(`  problem: ${problem}`);
  for (const note of verdict.notes ?? []) print(`  note: ${note}`);
  return verdict.ok ? 0 : 1;
}

/**
 * The backup that FILE means: a path as it is, and a bare name also in the backups folder. A name with a separator in
 * it, or `..`, is never looked for there. Throws CommandFailure.
 */
function findBackup(file: string, backups: string): string {
  if (existsSync(file)) return file;
  const isBareName = file === basename(file) && file !== '..';
  if (!isBareName) throw new CommandFailure(`there is no file ${file}`);
  const kept = join(backups, file);
  if (existsSync(kept)) return kept;
  throw new CommandFailure(
    `there is no backup ${file}, neither in the current directory (${resolve()}) nor in ${backups}: give its path, or name the data folder with --data-dir`,
  );
}

/** Without a file the live chain is meant. */
async function verify(words: Words): Promise<number> {
  const name = words.arg('FILE');
  const given = words.text('public-key');
  const keys = given === undefined ? [] : [given];
  if (name) {
    const paths = dataPaths(dataFolderOf(words));
    const file = findBackup(name, paths.auditBackups);
    const trusted = await trustedKeys(paths, keys);
    return tell(words, file, await verifyBackup(file, { trusted }));
  }
  return inSession(words, async ({ db, paths }) => {
    const trusted = await trustedKeys(paths, keys);
    return tell(words, 'the audit log', await verifyChain({ db, paths, trusted }));
  });
}

export const auditCommands: readonly Command[] = [
  {
    name: 'audit backup',
    summary: 'Write a backup of the audit log.',
    about: [
      'Writes all events and a signed trailer into backups/audit under the data folder, and prints the path. Made in bounded memory, while the server runs or not; a failed one leaves nothing behind.',
    ],
    flags: {
      plain: { help: 'Do not compress, whatever audit.backup_compress says.' },
      ...JSON_FLAG,
      ...PLACES,
    },
    examples: [
      { command: 'audit backup', does: 'A backup of everything so far' },
      {
        command: 'audit backup --json | jq -r .backup_file',
        does: 'Only the name of the file, for a script that copies it away',
      },
    ],
    run: (words) =>
      inSession(words, async ({ paths, auditBackups, config, actor }) => {
        if (!existsSync(paths.secrets)) {
          throw new CommandFailure(`${paths.root} is no data folder of a server: name it with --data-dir`);
        }
        // Beside PostgreSQL too, keys and backups lie in the data folder.
        requireOwner(paths.secrets);
        const compress = !words.isSet('plain') && config.audit.backup_compress;
        const made = await auditBackups.create(actor, { compress });
        if (words.isSet('json')) printJson(made);
        else print(join(paths.auditBackups, made.backup_file));
        return 0;
      }),
  },
  {
    name: 'audit verify',
    summary: 'Prove that a backup, or the live audit log, is whole and unchanged.',
    about: [
      'Finds any changed byte and any removed, reordered or cut-off event, and says where. Exit code 1 when there is something. A backup needs no database: only the public key of the server that made it, which lies in secrets/audit_key.pub of its data folder. Keep a copy elsewhere: whoever can change the data folder can change the key in it too.',
      'Without FILE the live log is compared with the signed heads that are kept outside the database.',
    ],
    args: [
      {
        name: 'FILE',
        help: 'a backup, plain or compressed: a path, or a name in the backups folder; the live log without it',
        optional: true,
      },
    ],
    flags: {
      'public-key': {
        value: 'KEY',
        help: 'Trust this key (64 hex digits, or a file with them) instead of the data folder’s.',
      },
      ...JSON_FLAG,
      ...PLACES,
    },
    examples: [
      { command: 'audit verify', does: 'The live log' },
      {
        command: 'audit verify audit_backup_20261124_030000.log.gz',
        does: 'A backup in the current directory or, if it is not there, in the backups folder',
      },
      {
        command: 'audit verify /mnt/audit_backup_20261124_030000.log.gz --public-key audit_key.pub',
        does: 'A backup, on any machine',
      },
    ],
    run: verify,
  },
  {
    name: 'audit tail',
    summary: 'Print the newest events of the audit log, oldest first.',
    flags: {
      lines: { value: 'N', help: 'How many (20 unless given).' },
      follow: { help: 'Go on printing events as they are sealed, until interrupted.' },
      actor: { value: 'WHO', help: 'Only what this user did (name or id).' },
      action: { value: 'ACTION', help: 'Only this action, or all of a kind, as "auth.*".' },
      outcome: { value: 'OUTCOME', help: 'Only success, failure or denied.' },
      json: { help: 'Print one JSON object a line.' },
      ...PLACES,
    },
    examples: [
      { command: 'audit tail --follow', does: 'Watch what happens' },
      { command: 'audit tail --action "auth.*" --outcome failure --lines 100', does: 'Failed log-ins' },
      {
        command: 'audit tail --lines 1000 --json | jq -r .action | sort | uniq -c',
        does: 'What is done most',
      },
    ],
    run: (words) => {
      if (words.isSet('follow')) process.on('SIGINT', () => process.exit(0));
      return inSession(words, async ({ audit }) => {
        await tail(words, audit);
        return 0;
      });
    },
  },
];
