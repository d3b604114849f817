import { expect, test } from 'bun:test';
import { type AuditFixture, auditOver } from '@test/support/audit.ts';
import { sqliteOpener } from '@test/support/databases.ts';
import { until } from '@test/support/wait.ts';
import { AuditSchedule } from '@/features/audit/schedule.ts';
import { createLogger } from '@/platform/log/log.ts';
import { scheduleFault } from '@/platform/time/cron.ts';

const open = sqliteOpener();
const EVERY_SECOND = '* * * * * *';

const scheduleOver = (fixture: AuditFixture): AuditSchedule => {
  const log = createLogger({
    write: (line) => void fixture.logged.push((JSON.parse(line) as { msg: string }).msg),
  });
  return new AuditSchedule({ ...fixture, log });
};

const setSchedule = ({ config }: AuditFixture, backup_schedule: string | null): void => {
  config.current = { ...config.current, audit: { ...config.current.audit, backup_schedule } };
};

test('makes backups by the clock, once for all workers, and keeps as many as configured', async () => {
  await using fixture = auditOver(await open(), { backup_schedule: EVERY_SECOND, backup_keep: 1 });
  const schedules = [scheduleOver(fixture), scheduleOver(fixture), scheduleOver(fixture)];
  for (const schedule of schedules) schedule.job.start();
  const made = () => fixture.audit.events({ limit: 100, action: 'audit.backup_created' });
  await until(async () => (await made()).events.length >= 2);
  for (const schedule of schedules) await schedule.job.stop();
  const names = (await made()).events.map(({ target }) => target?.id ?? '');
  expect(names.filter((name) => /_\d{3}\.log/.test(name))).toEqual([]);
  expect(await fixture.backups.list()).toHaveLength(1);
  expect((await made()).events[0]?.actor).toEqual({ type: 'system', id: null, name: 'schedule' });
});

test('follows a schedule that changed while it runs', async () => {
  await using fixture = auditOver(await open());
  const schedule = scheduleOver(fixture);
  schedule.job.start();
  setSchedule(fixture, 'nonsense');
  await until(() => fixture.logged.includes('audit.backup_schedule is not a schedule'));
  setSchedule(fixture, EVERY_SECOND);
  await until(async () => (await fixture.backups.list()).length > 0);
  await schedule.job.stop();
}, 15_000);

test('says what is wrong with a schedule', () => {
  expect(scheduleFault('0 3 * * *')).toBeNull();
  expect(scheduleFault('every day')).toBeString();
  expect(scheduleFault('61 3 * * *')).toBeString();
});
