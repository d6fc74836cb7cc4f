import type { Migration } from './index.ts';
import { uuidTenant, walled } from './walls.ts';

// Adds one table: locks nothing, breaks nothing.

export const notifications: Migration = {
  name: '0004-notifications',
  sql: `
CREATE TABLE sluice.subscription (
  ${uuidTenant},
  connection_id uuid NOT NULL,
  source_id text NOT NULL,
  stream text NOT NULL,
  partition text NOT NULL,
  secret_digest bytea NOT NULL,
  address_digest bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  wanted bigint NOT NULL DEFAULT 1,
  served bigint NOT NULL DEFAULT 0,
  renew boolean NOT NULL DEFAULT false,
  lost boolean NOT NULL DEFAULT false,
  called_at timestamptz,
  PRIMARY KEY (tenant_id, connection_id, source_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sluice.subscription IS 'What sources were asked to tell changes of. A notification leaves a number here, and nothing else anywhere.';
COMMENT ON COLUMN sluice.subscription.source_id IS 'The source''s name for it.';
COMMENT ON COLUMN sluice.subscription.secret_digest IS 'Keyed digest of the secret that comes with every notification.';
COMMENT ON COLUMN sluice.subscription.address_digest IS 'Keyed digest of the address that the source was told: under another one it would call in vain.';
COMMENT ON COLUMN sluice.subscription.expires_at IS 'When the source ends it by itself.';
COMMENT ON COLUMN sluice.subscription.wanted IS 'Rises with every notification; a new subscription begins with one, for what changed while it was made.';
COMMENT ON COLUMN sluice.subscription.served IS 'The number that the last complete reading had seen when it began: what came meanwhile still stands.';
COMMENT ON COLUMN sluice.subscription.renew IS 'The source asked for it to be renewed before its time.';
COMMENT ON COLUMN sluice.subscription.lost IS 'The source said that it is no more.';
COMMENT ON COLUMN sluice.subscription.called_at IS 'When a run was last asked for by it: one job serves a burst.';
${walled('sluice.subscription')}
`,
};
