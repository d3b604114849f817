import { expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { engineConfig } from '@test/support/engine.ts';
import { clearOldRuns } from '@/features/runs/retention.ts';
import type { RunStatus } from '@/features/runs/tables.ts';
import { holdStill, newId, now } from '@/platform/time/clock.ts';

const DAY_MS = 86_400_000;

forEachDatabase('finished runs', (open) => {
  test('are removed with their attempts after runs.retention_days; what is younger or unfinished stays', async () => {
    const db = await open();
    const run = (daysAgo: number, status: RunStatus) => {
      const at = now() - daysAgo * DAY_MS;
      const putBack = holdStill({ now: () => at });
      const id = newId();
      putBack();
      const completed = status === 'completed' || status === 'failed' || status === 'cancelled';
      return {
        id,
        workflow_id: 'w',
        workflow_version: 1,
        lead_id: null,
        trigger: 'manual',
        status,
        cursor: 0,
        attempt: 1,
        context: '{}',
        available_at: at,
        lease_owner: null,
        lease_until: null,
        fencing_token: 1,
        error: null,
        created_at: at,
        started_at: at,
        completed_at: completed ? at : null,
      };
    };
    const old = Array.from({ length: 430 }, (_, n) =>
      run(31, (['completed', 'failed', 'cancelled'] as const)[n % 3] ?? 'failed'),
    );
    const kept = [run(31, 'waiting'), run(31, 'queued'), run(31, 'running'), run(29, 'completed')];
    await db.write(async (trx) => {
      for (let at = 0; at < old.length; at += 200) {
        await trx
          .insertInto('runs')
          .values(old.slice(at, at + 200))
          .execute();
      }
      await trx.insertInto('runs').values(kept).execute();
      await trx
        .insertInto('run_attempts')
        .values(
          [old[0], kept[3]].map((row) => ({
            run_id: row?.id ?? '',
            step_index: 0,
            attempt: 1,
            step_id: 's',
            step_type: 'delay',
            outcome: 'succeeded' as const,
            output: null,
            error: null,
            started_at: 1,
            finished_at: 2,
          })),
        )
        .execute();
    });
    expect(await clearOldRuns({ db, config: engineConfig({ retention_days: 30 }) })).toBe(430);
    const left = await db.read.selectFrom('runs').select('id').execute();
    expect(left.map(({ id }) => id).sort()).toEqual(kept.map(({ id }) => id).sort());
    const attempts = await db.read.selectFrom('run_attempts').select('run_id').execute();
    expect(attempts).toEqual([{ run_id: kept[3]?.id ?? '' }]);
  });
});
