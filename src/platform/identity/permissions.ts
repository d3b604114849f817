/** The one table of who may do what. */
import type { Role } from './roles.ts';

const VIEWER = ['leads:read', 'workflows:read', 'runs:read', 'crm:read', 'keys:own'] as const;
const OPERATOR = [...VIEWER, 'leads:write', 'workflows:write', 'runs:write'] as const;
const ADMIN = [
  ...OPERATOR,
  'users:manage',
  'crm:manage',
  'audit:read',
  'audit:backup',
  'admin:read',
] as const;

export type Permission = (typeof ADMIN)[number];

export const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: VIEWER,
  operator: OPERATOR,
  admin: ADMIN,
};

/** Whether a role includes a permission. */
export const may = (role: Role, permission: Permission): boolean => PERMISSIONS[role].includes(permission);
