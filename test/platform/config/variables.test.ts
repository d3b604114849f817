import { describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@test/support/folder.ts';
import { withoutOurs } from '@/platform/config/environment.ts';
import { sentence } from '@/platform/config/finding.ts';
import { examineConfig } from '@/platform/config/load.ts';
import { secretVariables } from '@/platform/config/variables.ts';
import { CONFIG } from '@/server/composition.ts';

const SECRET = 'hunter2-hunter2-hunter2-hunter2-hunter2';

function secretFile(folder: TemporaryFolder, content: string | Uint8Array): string {
  const path = join(folder.path, 'secret');
  writeFileSync(path, content);
  return path;
}

const examine = (env: Record<string, string>) => {
  const examined = examineConfig(CONFIG, { env });
  return { ...examined, said: examined.findings.map((each) => `${each.level}: ${sentence(each)}`) };
};

describe('a secret', () => {
  test('can be read from a file, every one of them', async () => {
    await using folder = temporaryFolder();
    const url = 'postgres://ao:hunter2@db/ao';
    const of = (variable: string): unknown => {
      const content = /URL$/.test(variable) ? url : SECRET;
      const { config, environment, said } = examine({
        [`${variable}_FILE`]: secretFile(folder, content),
      });
      expect(said).toEqual([]);
      const values = JSON.stringify([config, environment]);
      expect(withoutOurs({ [`${variable}_FILE`]: 'x', PATH: 'y' })).toEqual({ PATH: 'y' });
      return values.includes(content);
    };
    const variables = secretVariables(CONFIG);
    expect(variables).toContain('AO_REDIS__PASSWORD');
    expect(variables.filter((variable) => !of(variable))).toEqual([]);
  });

  test('is taken from a file as it is, not as JSON', async () => {
    await using folder = temporaryFolder();
    for (const content of ['"quoted"', 'null', '[1,2]']) {
      const { config } = examine({ AO_REDIS__PASSWORD_FILE: secretFile(folder, content) });
      expect(config.redis.password).toBe(content);
    }
  });

  test('is refused when the variable and its file are both there', async () => {
    await using folder = temporaryFolder();
    const { said } = examine({
      JWT_SECRET: SECRET,
      JWT_SECRET_FILE: secretFile(folder, SECRET),
      ao_redis__password: 'x',
      AO_redis__password: 'x',
      AO_REDIS__PASSWORD_FILE: secretFile(folder, 'y'),
    });
    expect(said).toEqual([
      'error: AO_REDIS__PASSWORD_FILE: AO_REDIS__PASSWORD and AO_REDIS__PASSWORD_FILE are both set: remove one of them',
      'error: JWT_SECRET_FILE: JWT_SECRET and JWT_SECRET_FILE are both set: remove one of them',
    ]);
  });

  test('is not given by an empty variable beside its file', async () => {
    await using folder = temporaryFolder();
    const { environment } = examine({ JWT_SECRET: '', JWT_SECRET_FILE: secretFile(folder, SECRET) });
    expect(environment.jwtSecret).toBe(SECRET);
  });

  test('in a file that cannot be used is refused, naming variable and path and no content', async () => {
    await using folder = temporaryFolder();
    const missing = join(folder.path, 'missing');
    expect(examine({ JWT_SECRET_FILE: missing }).said[0]).toStartWith(
      `error: JWT_SECRET_FILE: the file ${missing} cannot be read: ENOENT`,
    );
    mkdirSync(missing);
    expect(examine({ JWT_SECRET_FILE: missing }).said[0]).toContain('cannot be read: EISDIR');
    for (const [content, why] of [
      ['', 'is empty'],
      ['\n', 'is empty'],
      [Uint8Array.from([0x68, 0x75, 0x6e, 0xff]), 'is not UTF-8 text'],
    ] as const) {
      const path = secretFile(folder, content);
      expect(examine({ DATABASE_URL_FILE: path }).said).toEqual([
        `error: DATABASE_URL_FILE: the file ${path} ${why}`,
      ]);
    }
  });

  test('that does not fit is told by the name of its file variable, and never shown', async () => {
    await using folder = temporaryFolder();
    const { said } = examine({ DATABASE_URL_FILE: secretFile(folder, 'mysql://root:hunter2@db') });
    expect(said[0]).toStartWith('error: DATABASE_URL_FILE: database.url must be');
    expect(said.join()).not.toContain('hunter2');
  });

  test('with white space around it is kept, with a warning', () => {
    const { environment, said } = examine({ JWT_SECRET: ` ${SECRET}` });
    expect(environment.jwtSecret).toBe(` ${SECRET}`);
    expect(said).toHaveLength(1);
    expect(said[0]).toStartWith('warning: JWT_SECRET: the value begins or ends with white space');
  });
});

describe('a newline at the end', () => {
  test('of a secret is removed, with a note that does not show it', async () => {
    await using folder = temporaryFolder();
    const file = secretFile(folder, `${SECRET}\r\n`);
    for (const env of [{ JWT_SECRET: `${SECRET}\n` }, { JWT_SECRET_FILE: file }]) {
      const { environment, said } = examine(env);
      expect(environment.jwtSecret).toBe(SECRET);
      expect(said).toHaveLength(1);
      expect(said[0]).toMatch(/^note: JWT_SECRET.*: the value ends with a newline, which is removed$/);
      expect(said[0]).not.toContain('hunter2');
    }
  });

  test('of any other variable is removed as well, and AO_ENV is understood', () => {
    const { config, environment, said } = examine({ AO_ENV: 'production\n', AO_SERVER__HOST: '::1\n' });
    expect(environment.mode).toBe('production');
    expect(config.server.host).toBe('::1');
    expect(said).toHaveLength(2);
  });

  test('of a variable of somebody else is none of our business', () => {
    expect(examine({ OTHER: 'x\n', JWT_ISSUER: ' y\n' }).said).toEqual([]);
  });
});

test('variables that have no effect are noted', () => {
  expect(examine({ AO_ENV: 'staging', AO_BUILD: '5', HOME: '/root' }).said).toEqual([
    'note: AO_ENV: "staging" counts as development: the strict checks of production do not apply',
    'note: AO_BUILD is not a variable of this program: it has no effect',
  ]);
});
