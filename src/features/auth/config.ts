/** The section `auth` of the configuration. */
import { type Static, Type } from '@sinclair/typebox';
import type { ConfigSection } from '@/platform/config/schema.ts';
import { flag, integer, live, section } from '@/platform/config/section.ts';

const Auth = section(
  {
    enabled: flag(true, 'false makes everybody an anonymous operator: for trials only.'),
    token_ttl_seconds: live(integer(3600, 60, 2_592_000, 'Life of an access token.')),
    issuer: Type.String({ default: 'automation-orchestrator', minLength: 1, description: 'JWT "iss".' }),
    audience: Type.String({
      default: 'automation-orchestrator',
      minLength: 1,
      description: 'JWT "aud".',
    }),
    password_min_length: live(integer(12, 8, 128, 'Shortest accepted new password.')),
    login_attempts_per_user: live(integer(10, 1, 100_000, 'Log-in attempts per user name and window.')),
    login_attempts_per_address: live(
      integer(100, 1, 100_000, 'Log-in attempts per client address and window.'),
    ),
    login_window_seconds: live(integer(300, 1, 86_400, 'Window of the two limits above.')),
  },
  'Users, tokens and log-in.',
);

declare module '@/platform/config/schema.ts' {
  interface Config {
    auth: Static<typeof Auth>;
  }
}

export const authSection: ConfigSection = { name: 'auth', schema: Auth };
