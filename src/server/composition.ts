/** What the modules make together, whatever process opens them: one configuration, one schema, one table of permissions. */
import { PLATFORM_SECTIONS } from '@/platform/config/platform_sections.ts';
import { composeConfig } from '@/platform/config/schema.ts';
import { coordinationTables } from '@/platform/db/migrations/2026_11_24_coordination.ts';
import type { Migration } from '@/platform/db/migrations/migration.ts';
import { Permissions } from '@/platform/identity/permissions.ts';
import { MODULES } from './modules.ts';

export const CONFIG = composeConfig([
  ...PLATFORM_SECTIONS,
  ...MODULES.flatMap(({ config }) => (config ? [config] : [])),
]);

export const MIGRATIONS: readonly Migration[] = [
  coordinationTables,
  ...MODULES.flatMap(({ migrations }) => migrations ?? []),
];

export const PERMISSIONS = new Permissions(MODULES.flatMap(({ permissions }) => permissions ?? []));
