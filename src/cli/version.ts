/** `version`: which program this is. */
import { COMMIT, VERSION } from '@/platform/build/version.ts';
import type { Command } from './command.ts';
import { JSON_FLAG } from './locations.ts';
import { print, printJson } from './output.ts';

export const version: Command = {
  name: 'version',
  summary: 'Print version and commit.',
  flags: JSON_FLAG,
  examples: [
    { command: 'version', does: 'For people' },
    { command: 'version --json', does: 'For scripts' },
  ],
  run(words) {
    const build = {
      version: VERSION,
      commit: COMMIT,
      bun: Bun.version,
      platform: `${process.platform}-${process.arch}`,
    };
    if (words.isSet('json')) printJson(build);
    else
      print(`automation-orchestrator ${VERSION} (commit ${COMMIT}, Bun ${Bun.version}, ${build.platform})`);
    return 0;
  },
};
