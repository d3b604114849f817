/** The text of API keys: `ao_` and 256 random bits in base64url. Only the hash is stored. */

const PREFIX = 'ao_';
const SHAPE = /^ao_[\w-]{43}$/;
const SHOWN_CHARACTERS = 9;

export const newKeyText = (): string =>
  PREFIX + Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');

/** Whether it is worth asking the database. */
export const looksLikeKey = (text: string): boolean => SHAPE.test(text);

/** SHA-256, hex: with 256 random bits a slow hash would add nothing. */
export const hashOfKey = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex');

/** Enough to recognise a key in a list, far too little to guess it. */
export const shownPart = (text: string): string => text.slice(0, SHOWN_CHARACTERS);
