/** Queries of audit events and signed heads. Reads go page by page, by key, so that no table is too large. */
import { type ExpressionBuilder, type Selectable, sql } from 'kysely';
import type { AuditEventsTable, AuditHeadsTable } from '@/features/audit/tables.ts';
import type { Reader, Transaction } from '@/platform/db/database.ts';
import { prepareRead, prepareWrite } from '@/platform/db/prepared.ts';
import type { Tables } from '@/platform/db/tables.ts';
import { lowestId } from '@/platform/time/clock.ts';

export type EventRow = Selectable<AuditEventsTable>;
export type HeadRow = Selectable<AuditHeadsTable>;

/** Compiled once: every change of the server writes one. */
export const insertEvent = prepareWrite<EventRow, never>((db, param) =>
  db.insertInto('audit_events').values({
    id: param('id'),
    occurred_at: param('occurred_at'),
    actor_type: param('actor_type'),
    actor_id: param('actor_id'),
    actor_name: param('actor_name'),
    action: param('action'),
    target_type: param('target_type'),
    target_id: param('target_id'),
    outcome: param('outcome'),
    request_id: param('request_id'),
    address: param('address'),
    details: param('details'),
    seq: param('seq'),
    hash: param('hash'),
  }),
);

const unsealed = prepareRead<{ limit: number }, EventRow>((db, param) =>
  db.selectFrom('audit_events').selectAll().where('seq', 'is', null).orderBy('id').limit(param('limit')),
);

/** Events that wait for their place in the chain, oldest first. */
export const unsealedEvents = (db: Reader, limit: number): Promise<EventRow[]> => unsealed(db, { limit });

export async function countUnsealed(db: Reader): Promise<number> {
  const row = await db
    .selectFrom('audit_events')
    .select(db.fn.countAll<number>().as('n'))
    .where('seq', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/** When the event that has waited longest for its seal happened; null when none waits. */
export async function oldestUnsealed(db: Reader): Promise<number | null> {
  const [row] = await unsealed(db, { limit: 1 });
  return row?.occurred_at ?? null;
}

export interface Seal {
  readonly id: string;
  readonly seq: number;
  readonly hash: string;
}

const SEALS_A_STATEMENT = 100;
type SealParameter = `${'id' | 'seq' | 'hash'}${number}`;

/** One statement for many rows: on PostgreSQL each statement is a round trip. Works alike on both databases. */
const sealMany = prepareWrite<Record<SealParameter, string | number>, { seq: number }>((db, param) => {
  const rows = Array.from(
    { length: SEALS_A_STATEMENT },
    (_, index) =>
      sql`(${param(`id${index}`)}, cast(${param(`seq${index}`)} as bigint), ${param(`hash${index}`)})`,
  );
  const seals = sql<{ column1: string; column2: number; column3: string }>`(values ${sql.join(rows)})`;
  return (
    db
      .updateTable('audit_events')
      .from(seals.as<'seals'>(sql`seals`))
      .set((eb) => ({ seq: eb.ref('seals.column2'), hash: eb.ref('seals.column3') }))
      .whereRef('audit_events.id', '=', 'seals.column1')
      // Not `is null`: SQLite would then read the whole index of unsealed events instead of asking for each id.
      .where((eb) => eb.fn.coalesce('audit_events.seq', sql.lit(0)), '=', 0)
      .returning('audit_events.seq')
  );
});

/** Gives events their place; answers how many had none yet. A short last batch is filled up with its last row. */
export async function sealEvents(trx: Transaction, seals: readonly Seal[]): Promise<number> {
  let sealed = 0;
  for (let start = 0; start < seals.length; start += SEALS_A_STATEMENT) {
    const params: Record<SealParameter, string | number> = {};
    for (let index = 0; index < SEALS_A_STATEMENT; index++) {
      const seal = seals[Math.min(start + index, seals.length - 1)] as Seal;
      params[`id${index}`] = seal.id;
      params[`seq${index}`] = seal.seq;
      params[`hash${index}`] = seal.hash;
    }
    sealed += (await sealMany(trx, params)).length;
  }
  return sealed;
}

const page = prepareRead<{ after: number; through: number; limit: number }, EventRow>((db, param) =>
  db
    .selectFrom('audit_events')
    .selectAll()
    .where('seq', '>', param('after'))
    .where('seq', '<=', param('through'))
    .orderBy('seq')
    .limit(param('limit')),
);

/** Sealed events in the order of the chain, after one place and up to another. */
export const sealedEvents = (
  db: Reader,
  after: number,
  through: number,
  limit: number,
): Promise<EventRow[]> => page(db, { after, through, limit });

export interface EventFilter {
  readonly actorType?: EventRow['actor_type'] | undefined;
  /** Id or name. */
  readonly actor?: string | undefined;
  /** Exact, or `kind.*`. */
  readonly action?: string | undefined;
  readonly outcome?: EventRow['outcome'] | undefined;
  /** A kind, an id, or `kind:id`. */
  readonly target?: string | undefined;
  /** Epoch milliseconds, inclusive. */
  readonly from?: number | undefined;
  /** Epoch milliseconds, exclusive. */
  readonly to?: number | undefined;
  /** Only events older than this one. */
  readonly before?: string | undefined;
}

/** Ids are time-ordered and made within moments of `occurred_at`: a bound on them spares reading the rest. */
const ID_SLACK_MS = 60_000;
/** Newest first. */
export function pageOfEvents(db: Reader, filter: EventFilter, limit: number): Promise<EventRow[]> {
  const { actorType, actor, action, outcome, target, from, to, before } = filter;
  let query = db.selectFrom('audit_events').selectAll().orderBy('id', 'desc').limit(limit);
  if (actorType !== undefined) query = query.where('actor_type', '=', actorType);
  if (actor !== undefined) {
    const named = db.selectFrom('users').select('id').where('username_key', '=', actor.toLowerCase());
    query = query.where((eb) =>
      eb.or([eb('actor_id', '=', actor), eb('actor_name', '=', actor), eb('actor_id', 'in', named)]),
    );
  }
  if (action?.endsWith('.*')) {
    // '/' follows '.' in every character set: all texts that begin with `kind.`, also by an index.
    query = query.where('action', '>=', action.slice(0, -1)).where('action', '<', `${action.slice(0, -2)}/`);
  } else if (action !== undefined) query = query.where('action', '=', action);
  if (outcome !== undefined) query = query.where('outcome', '=', outcome);
  if (target !== undefined) query = query.where((eb) => eb.or(targetMatches(eb, target)));
  if (from !== undefined) {
    query = query.where('occurred_at', '>=', from).where('id', '>=', lowestId(from - ID_SLACK_MS));
  }
  if (to !== undefined) {
    query = query.where('occurred_at', '<', to).where('id', '<', lowestId(to + ID_SLACK_MS));
  }
  if (before !== undefined) query = query.where('id', '<', before);
  return query.execute();
}

/** The names that users have now, by id. */
export async function usernames(db: Reader, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom('users').select(['id', 'username']).where('id', 'in', ids).execute();
  return new Map(rows.map(({ id, username }) => [id, username]));
}

function targetMatches(eb: ExpressionBuilder<Tables, 'audit_events'>, target: string) {
  const colon = target.indexOf(':');
  const whole = [eb('target_id', '=', target), eb('target_type', '=', target)];
  if (colon === -1) return whole;
  const both = eb.and({ target_type: target.slice(0, colon), target_id: target.slice(colon + 1) });
  return [...whole, both];
}

/** The lowest place that is still there; null when no event is sealed. */
export async function firstSeq(db: Reader): Promise<number | null> {
  const row = await db
    .selectFrom('audit_events')
    .select('seq')
    .where('seq', 'is not', null)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst();
  return row?.seq ?? null;
}

/** The lowest place of an event that happened at or after `time`; null when all are older. */
export async function firstSeqSince(db: Reader, time: number): Promise<number | null> {
  const row = await db
    .selectFrom('audit_events')
    .select('seq')
    .where('seq', 'is not', null)
    .where('occurred_at', '>=', time)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst();
  return row?.seq ?? null;
}

/** The newest events of one action, sealed or not. */
export const newestOfAction = (db: Reader, action: string, limit: number): Promise<EventRow[]> =>
  db
    .selectFrom('audit_events')
    .selectAll()
    .where('action', '=', action)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();

/** Removes the lowest places up to `through`, at most `limit` of them; answers how many. */
export async function deleteSealed(trx: Transaction, through: number, limit: number): Promise<number> {
  const lowest = await trx
    .selectFrom('audit_events')
    .select('seq')
    .where('seq', '<=', through)
    .orderBy('seq')
    .limit(limit)
    .execute();
  const last = lowest.at(-1)?.seq;
  if (last === undefined || last === null) return 0;
  await trx.deleteFrom('audit_events').where('seq', '<=', last).execute();
  return lowest.length;
}

const newest = prepareRead<Record<never, never>, HeadRow>((db) =>
  db.selectFrom('audit_heads').selectAll().orderBy('seq', 'desc').limit(1),
);

/** The end of the chain; null before the first seal. */
export async function newestHead(db: Reader): Promise<HeadRow | null> {
  const [row] = await newest(db, {});
  return row ?? null;
}

/** The newest head at or below a place. */
export async function headUpTo(db: Reader, seq: number): Promise<HeadRow | null> {
  const row = await db
    .selectFrom('audit_heads')
    .selectAll()
    .where('seq', '<=', seq)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

/** Heads beyond a place, in order. */
export const headsAfter = (db: Reader, seq: number, limit: number): Promise<HeadRow[]> =>
  db.selectFrom('audit_heads').selectAll().where('seq', '>', seq).orderBy('seq').limit(limit).execute();

export async function insertHead(trx: Transaction, head: HeadRow): Promise<void> {
  await trx.insertInto('audit_heads').values(head).execute();
}

export async function deleteHeadsBelow(trx: Transaction, seq: number): Promise<void> {
  await trx.deleteFrom('audit_heads').where('seq', '<', seq).execute();
}
