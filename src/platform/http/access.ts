/**
 * The macro by which a route says whom it admits: `{ access: 'leads:write' }`. It only declares; the server's
 * admission plugin reads it off every route and enforces it before a body is read, so a route that says nothing is
 * not open but for admins only.
 */
import { Elysia } from 'elysia';
import { type Access, isOpen } from './context.ts';

const SECURITY = [{ bearerAuth: [] }, { apiKey: [] }];

export const accessControl = new Elysia({ name: 'access' }).macro({
  access: (access: Access) => ({
    detail: { 'x-access': access, security: isOpen(access) ? [] : SECURITY },
  }),
});
