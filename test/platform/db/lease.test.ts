import { afterEach, expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { acquireLease, releaseLease } from '@/platform/db/lease.ts';
import { holdStill } from '@/platform/time/clock.ts';

let time = 1_000_000;
let restore: () => void = () => undefined;
const at = (moment: number): void => {
  restore();
  time = moment;
  restore = holdStill({ now: () => time });
};
afterEach(() => restore());

forEachDatabase('a lease', (open) => {
  test('has one holder, who can renew it', async () => {
    at(1_000_000);
    const db = await open();
    expect(await acquireLease(db, 'seal', 'a', 500)).toBe(true);
    expect(await acquireLease(db, 'seal', 'b', 500)).toBe(false);
    expect(await acquireLease(db, 'other', 'b', 500)).toBe(true);
    at(1_000_400);
    expect(await acquireLease(db, 'seal', 'a', 500)).toBe(true);
    at(1_000_899);
    expect(await acquireLease(db, 'seal', 'b', 500)).toBe(false);
  });

  test('passes to another when its time is over or its holder gives it back', async () => {
    at(1_000_000);
    const db = await open();
    await acquireLease(db, 'seal', 'a', 500);
    at(1_000_500);
    expect(await acquireLease(db, 'seal', 'b', 500)).toBe(true);
    expect(await acquireLease(db, 'seal', 'a', 500)).toBe(false);
    await releaseLease(db, 'seal', 'a');
    expect(await acquireLease(db, 'seal', 'a', 500)).toBe(false);
    await releaseLease(db, 'seal', 'b');
    expect(await acquireLease(db, 'seal', 'a', 500)).toBe(true);
  });

  test('passes on when it was taken before the clock was set back', async () => {
    at(1_000_000);
    const db = await open();
    await acquireLease(db, 'seal', 'a', 500);
    at(999_500);
    expect(await acquireLease(db, 'seal', 'b', 500)).toBe(false);
    at(900_000);
    expect(await acquireLease(db, 'seal', 'b', 500)).toBe(true);
    expect(await acquireLease(db, 'seal', 'a', 500)).toBe(false);
  });

  test('is given to one of many who ask at once', async () => {
    at(1_000_000);
    const db = await open();
    const asked = await Promise.all(
      ['a', 'b', 'c', 'd'].map((holder) => acquireLease(db, 'seal', holder, 500)),
    );
    expect(asked.filter(Boolean)).toHaveLength(1);
  });
});
