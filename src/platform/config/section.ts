/**
 * What a section of the configuration is, and the words in which its keys are written. A schema is the only source of a
 * key's type, default and documentation. Units stand in the names. Keys marked `live` are applied by SIGHUP without a
 * restart (`x-live` in the JSON Schema); all others need one. Secrets (`x-secret`) are masked wherever the configuration is shown,
 * and can be read from a file that `AO_<SECTION>__<KEY>_FILE` names.
 */
import { type TSchema, Type } from '@sinclair/typebox';

/** A section's schema: no unknown keys, and its own defaults when it is left out. */
export const section = <P extends Record<string, TSchema>>(properties: P, description: string) =>
  Type.Object(properties, { additionalProperties: false, default: {}, description });
export const integer = (fallback: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: fallback, minimum, maximum, description });
export const flag = (fallback: boolean, description: string) =>
  Type.Boolean({ default: fallback, description });
export const nullable = <T extends TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { default: null, description });
/** A key that SIGHUP applies. */
export const live = <T extends TSchema>(schema: T): T => ({ ...schema, 'x-live': true });
/** A key whose value is never shown. */
export const secret = <T extends TSchema>(schema: T): T => ({ ...schema, 'x-secret': 'value' });
/** A URL that may hold a password: the rest of it is shown. */
export const secretUrl = <T extends TSchema>(schema: T): T => ({ ...schema, 'x-secret': 'url' });
/** What the sections have marked. */
export const secrecyOf = (schema: TSchema | undefined): 'value' | 'url' | undefined => schema?.['x-secret'];
