/** The section `monitoring` of the configuration. */
import type { Static } from '@sinclair/typebox';
import type { ConfigSection } from '@/platform/config/schema.ts';
import { flag, integer, live, section } from '@/platform/config/section.ts';

const Monitoring = section(
  {
    queue_depth_warn: live(
      integer(1000, 1, 1_000_000_000, 'Number of waiting runs at which health becomes degraded.'),
    ),
    public_metrics: live(flag(true, 'Serve /metrics without credentials.')),
  },
  'Health and metrics.',
);

declare module '@/platform/config/schema.ts' {
  interface Config {
    monitoring: Static<typeof Monitoring>;
  }
}

export const monitoringSection: ConfigSection = { name: 'monitoring', schema: Monitoring };
