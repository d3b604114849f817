/**
 * What a section of the configuration is, and the words in which its keys are written. A schema is the only source of a
 * key's type, default and documentation. Units stand in the names. Keys marked `live` are applied by SIGHUP without a
 * restart (`x-live` in the JSON Schema); all others need one.
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
