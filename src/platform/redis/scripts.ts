/** Every script of ours: what the embedded Redis must know. */
import type { RedisScript } from './script.ts';
import { takeTokensScript } from './token_bucket.ts';

export const SCRIPTS: readonly RedisScript[] = [takeTokensScript];
