/** Who may do what: each permission belongs to a role and to all with more rights. Features bring their own. */
import { ROLES, type Role } from './roles.ts';

/** The permissions there are; each feature adds its own by declaration merging. */
export interface PermissionNames {
  /** Also what a route asks for that says nothing. */
  'admin:read': true;
}
export type Permission = keyof PermissionNames;

/** For each permission the role with fewest rights that has it. */
export type Grants = { readonly [P in Permission]?: Role };

const PLATFORM: Grants = { 'admin:read': 'admin' };

const rank = (role: Role): number => ROLES.indexOf(role);

/** The one table of permissions, out of what the features bring. */
export class Permissions {
  private readonly lowest: ReadonlyMap<Permission, Role>;
  private readonly byRole: ReadonlyMap<Role, readonly Permission[]>;

  constructor(grants: readonly Grants[]) {
    const all = [...grants, PLATFORM].flatMap((each) => Object.entries(each) as [Permission, Role][]);
    this.lowest = new Map(all.sort(([, a], [, b]) => rank(b) - rank(a)));
    const of = (role: Role) => [...this.lowest.keys()].filter((permission) => this.may(role, permission));
    this.byRole = new Map(ROLES.map((role) => [role, of(role)]));
  }

  /** Whether a role includes a permission. */
  may(role: Role, permission: Permission): boolean {
    const lowest = this.lowest.get(permission);
    return lowest !== undefined && rank(role) <= rank(lowest);
  }

  /** The permissions of a role; those that every role has come first. */
  of(role: Role): Permission[] {
    return [...(this.byRole.get(role) ?? [])];
  }

  knows(permission: string): boolean {
    return this.lowest.has(permission as Permission);
  }
}
