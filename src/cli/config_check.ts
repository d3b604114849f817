/** `config check`: everything that `serve` would refuse or warn of, before it is started. */
import { reloadedProcess } from '@/platform/config/environment.ts';
import { type Finding, isError, sentence } from '@/platform/config/finding.ts';
import { dataPaths } from '@/platform/config/paths.ts';
import { dotted } from '@/platform/config/problems.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import type { Command } from './command.ts';
import {
  CONFIG_FLAG,
  DATA_FLAG,
  dataFolderOf,
  examinedConfigOf,
  JSON_FLAG,
  VALUE_FLAGS,
  valueFlagsOf,
} from './locations.ts';
import { print, printJson, remark } from './output.ts';

const LEVELS = ['error', 'warning', 'note'] as const;

/** The worst first. */
const sorted = (findings: readonly Finding[]): Finding[] =>
  LEVELS.flatMap((level) => findings.filter((finding) => finding.level === level));

/** As in "2 errors and 1 warning". */
function counted(findings: readonly Finding[]): string {
  return LEVELS.flatMap((level) => {
    const count = findings.filter((finding) => finding.level === level).length;
    return count === 0 ? [] : `${count} ${level}${count === 1 ? '' : 's'}`;
  })
    .join(', ')
    .replace(/, (?=[^,]*$)/, ' and ');
}

export const configCheck: Command = {
  name: 'config check',
  summary: 'List everything that "serve" would refuse or warn of.',
  about: [
    'Takes the same file, environment and flags as "serve", and changes nothing. It looks at the configuration, the secrets, the data folder and the port. An error keeps the server from starting; a warning needs a look; a note is good to know. Each is told with line and column of the file, or with the variable or flag it comes from.',
    'It connects to nothing: whether Redis and the database can be reached shows only when the server starts. Run it as the user of the server, who may read less than you. While a server runs on the data folder its port is left out, so that a file can be checked before SIGHUP.',
    'Exit codes: 2 when there is an error, 0 otherwise.',
  ],
  flags: { ...CONFIG_FLAG, ...VALUE_FLAGS, ...DATA_FLAG, ...JSON_FLAG },
  examples: [
    { command: 'config check --config config/production.json', does: 'Is this file good?' },
    {
      command: 'config check --config config/production.json',
      does: 'With a value and a secret from the environment',
      before: 'AO_RATE_LIMIT__MAX_REQUESTS=500 JWT_SECRET_FILE=/run/secrets/jwt_secret ',
    },
    { command: 'config check --json', does: 'For a deployment script' },
  ],
  async run(words) {
    const { config, environment, findings, confirmed } = examinedConfigOf(words, valueFlagsOf(words));
    const paths = dataPaths(dataFolderOf(words));
    const { preflight } = await import('@/supervisor/preflight.ts');
    const { serverOn } = await import('@/supervisor/lock.ts');
    const running = serverOn(paths) ?? reloadedProcess();
    const found = await preflight({ config, environment, paths, running });
    const all = sorted([...findings, ...confirmed(found)]);
    const failed = all.some(isError);
    if (words.isSet('json')) {
      const list = all.map(({ level, message, pointer, where = null }) => ({
        level,
        key: pointer === undefined ? null : dotted(pointer),
        where,
        message,
      }));
      printJson({ ok: !failed, findings: list });
      return failed ? 2 : 0;
    }
    for (const finding of all) remark(`${finding.level}: ${sentence(finding)}`);
    const what = words.text('config') ?? 'the default configuration';
    if (failed) throw new CommandFailure(`${what}: ${counted(all)}; the server would not start`, 2);
    print(`${what}: good${all.length > 0 ? `, with ${counted(all)}` : ''}`);
    return 0;
  },
};
