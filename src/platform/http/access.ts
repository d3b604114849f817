/**
 * The macro by which a route says whom it admits: `{ access: 'leads:write' }`. It asks before the body is read
 * (`parse`) and, for requests without one, before validation (`transform`), so that strangers learn nothing
 * about bodies. Routes that say nothing are caught by the server's default: admins only.
 */
import { Elysia } from 'elysia';
import { type Access, contextOf } from './context.ts';

const SECURITY = [{ bearerAuth: [] }, { apiKey: [] }];

export const accessControl = new Elysia({ name: 'access' }).macro({
  access: (access: Access) => {
    const admit = async ({ request, route }: { request: Request; route: string }): Promise<void> =>
      contextOf(request).admit(route, access);
    return {
      detail: { 'x-access': access, security: access === 'public' ? [] : SECURITY },
      parse: admit,
      transform: admit,
    };
  },
});
