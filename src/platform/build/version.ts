/** Which program this is: the version of package.json, and the commit that the build stamped on it. */
import { version } from '../../../package.json';

/** Replaced at build time by `scripts/build.ts`; not there when running from source. */
declare const AO_BUILD_COMMIT: string | undefined;

export const VERSION: string = version;
/** Short hash of the commit, with `-dirty` when the tree had changes; `source` when not built. */
export const COMMIT: string = typeof AO_BUILD_COMMIT === 'string' ? AO_BUILD_COMMIT : 'source';
