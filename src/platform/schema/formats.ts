/**
 * The formats of texts that schemas name, where the usual check is too lax: a time that is none would be read as another
 * one, or as no number at all.
 */
import { FormatRegistry } from '@sinclair/typebox';

const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;

/** Whether a text is a time as RFC 3339 writes it, on a day that there is. */
export function isDateTime(text: string): boolean {
  const [, year, month, day] = (DATE_TIME.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && !Number.isNaN(Date.parse(text));
}

/** Puts ours in the place of Elysia's. */
export function registerFormats(): void {
  FormatRegistry.Set('date-time', isDateTime);
}
