/** The section `auth` of the configuration. */
import { type Static, Type } from '@sinclair/typebox';
import type { Finding } from '@/platform/config/finding.ts';
import type { Config, ConfigSection } from '@/platform/config/schema.ts';
import { flag, integer, live, section } from '@/platform/config/section.ts';
import { isLoopback } from '@/platform/net/ranges.ts';

const Auth = section(
  {
    enabled: flag(true, 'Require credentials. false makes everyone an anonymous operator: for trials only.'),
    token_ttl_seconds: live(integer(3600, 60, 2_592_000, 'Lifetime of an access token.')),
    issuer: Type.String({
      default: 'automation-orchestrator',
      minLength: 1,
      description: 'The "iss" claim of tokens.',
    }),
    audience: Type.String({
      default: 'automation-orchestrator',
      minLength: 1,
      description: 'The "aud" claim of tokens.',
    }),
    password_min_length: live(integer(12, 8, 128, 'Minimum length of a new password.')),
    login_attempts_per_user: live(
      integer(10, 1, 100_000, 'Log-in attempts allowed per user name and window.'),
    ),
    login_attempts_per_address: live(
      integer(100, 1, 100_000, 'Log-in attempts allowed per client address and window.'),
    ),
    login_window_seconds: live(integer(300, 1, 86_400, 'Window of the two log-in limits.')),
  },
  'Users, tokens and log-in.',
);

declare module '@/platform/config/schema.ts' {
  interface Config {
    auth: Static<typeof Auth>;
  }
}

function opennessRemarks({ auth, server }: Config): Finding[] {
  if (auth.enabled) return [];
  const who = isLoopback(server.host) ? 'everybody on this machine' : 'EVERYBODY who reaches the port';
  const message = `auth.enabled is false: ${who} is an operator, without any credentials`;
  return [{ level: 'warning', pointer: '/auth/enabled', message }];
}

export const authSection: ConfigSection = { name: 'auth', schema: Auth, remarks: opennessRemarks };
