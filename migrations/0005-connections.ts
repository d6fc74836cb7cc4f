import type { Migration } from './index.ts';
import { uuidTenant, walled } from './walls.ts';

// Adds one table and one column that may be null: locks registry.connection for an instant, breaks nothing.

export const connections: Migration = {
  name: '0005-connections',
  sql: `
CREATE TABLE sluice.expiry_told (
  ${uuidTenant},
  connection_id uuid NOT NULL,
  setting text NOT NULL,
  expires_at timestamptz NOT NULL,
  days_left integer NOT NULL CHECK (days_left IN (30, 7, 1, 0)),
  PRIMARY KEY (tenant_id, connection_id, setting, expires_at),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sluice.expiry_told IS 'What tenant IT was told of certificates and secrets that end, so that they are told once: nothing of the secrets themselves.';
COMMENT ON COLUMN sluice.expiry_told.setting IS 'The setting that holds it, as the connector''s code names it.';
COMMENT ON COLUMN sluice.expiry_told.expires_at IS 'Its end; another end is another certificate or secret, and is told afresh.';
COMMENT ON COLUMN sluice.expiry_told.days_left IS 'The nearest of 30, 7 and 1 days before its end that was told; 0: that it has ended.';
${walled('sluice.expiry_told')}

ALTER TABLE registry.connection ADD COLUMN bound_directory text;
COMMENT ON COLUMN registry.connection.bound_directory IS 'DIRECTORY under which its bindings are made, once it was another than the setting directory or the column directory says.';
`,
};
