/** The roles there are, from the one with most rights to the one with fewest. */
export const ROLES = ['admin', 'operator', 'viewer'] as const;
export type Role = (typeof ROLES)[number];
