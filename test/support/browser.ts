/** A real browser for the tests of pages; where none is installed, those are skipped. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { requireServices } from './services.ts';

const CHROMIUM = '/usr/bin/chromium';
/** Keep it from calling home: the tests run on closed networks. */
const OFFLINE = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Why tests in a browser are skipped; null where they are not. */
export const browserAbsent: string | null =
  existsSync(CHROMIUM) || requireServices ? null : 'chromium is not installed';

export const startBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: OFFLINE });
