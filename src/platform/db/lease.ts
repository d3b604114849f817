/**
 * A lease says which process does a job that only one may do at a time. It ends by itself when its holder dies, so
 * the job itself must bear that two do it for a moment.
 */
import { now } from '@/platform/time/clock.ts';
import type { Database } from './database.ts';
import { prepareRead, prepareWrite } from './prepared.ts';

interface Claim {
  readonly name: string;
  readonly holder: string;
  readonly until: number;
  readonly time: number;
  readonly latest: number;
}

const claim = prepareWrite<Claim, { holder: string }>((db, param) =>
  db
    .insertInto('leases')
    .values({ name: param('name'), holder: param('holder'), expires_at: param('until') })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet({ holder: param('holder'), expires_at: param('until') })
        .where((eb) =>
          eb.or([
            eb('leases.holder', '=', param('holder')),
            eb('leases.expires_at', '<=', param('time')),
            eb('leases.expires_at', '>', param('latest')),
          ]),
        ),
    )
    .returning('holder'),
);

const current = prepareRead<{ name: string }, { holder: string; expires_at: number }>((db, param) =>
  db.selectFrom('leases').select(['holder', 'expires_at']).where('name', '=', param('name')),
);

/**
 * Takes or renews the lease for `ttlMs` from now; false while another holder has it. One that ends later than any holder
 * would write now, clocks that differ by `ttlMs` included, was taken before the clock was set back: it counts as over.
 */
export async function acquireLease(
  db: Database,
  name: string,
  holder: string,
  ttlMs: number,
): Promise<boolean> {
  const time = now();
  const until = time + ttlMs;
  const latest = until + ttlMs;
  const [lease] = await current(db.read, { name });
  const taken = lease && lease.holder !== holder && lease.expires_at > time && lease.expires_at <= latest;
  if (taken) return false;
  const rows = await db.write((trx) => claim(trx, { name, holder, until, time, latest }));
  return rows.length > 0;
}

/** Ends the lease at once, if `holder` has it. */
export async function releaseLease(db: Database, name: string, holder: string): Promise<void> {
  await db.write((trx) =>
    trx.deleteFrom('leases').where('name', '=', name).where('holder', '=', holder).execute(),
  );
}
