/** Parts that the schemas of several features share, so that they look alike in the API. */
import { type TSchema, Type } from '@sinclair/typebox';

/** The schema, or null. */
export const nullable = <T extends TSchema>(schema: T, description?: string) =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description });

/** The answer 304. */
export const NoBody = Type.Void();

/** The answer 204, with what was done. */
export const done = (description: string) => Type.Void({ description });

/** For the `responses` of a route: what its 200 is, and fields in which the example differs from that of the schema. */
export const shownAs = (description: string, fields: Readonly<Record<string, unknown>>) => ({
  200: { description, content: { 'application/json': { example: fields } } },
});

/** Marks the id of a kind of thing, so that the page of the API fills in what it saw last where such an id is wanted. */
export const idOf = (kind: string) => ({ 'x-id-of': kind });

/** Query parameters of a list that is paged by position. */
export const paging = {
  skip: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 1_000_000_000,
    description: 'Entries to pass over.',
  }),
  limit: Type.Integer({ default: 100, minimum: 1, maximum: 1000, description: 'Most entries to return.' }),
};

/** What such a list says of itself beside its entries. */
export const pageFields = {
  total: Type.Integer({ description: 'Entries that fit the filters, on all pages.', examples: [1] }),
  skip: Type.Integer({ examples: [0] }),
  limit: Type.Integer({ examples: [100] }),
};

/** A filter that is empty (`?source=&email=`) is one that was not given. */
export const given = (filter: string | undefined): string | undefined => filter || undefined;
