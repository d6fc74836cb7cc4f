import type { Migration } from './index.ts';

// Adds three columns that need no rewriting: locks registry.connection for an instant, breaks nothing.

export const quiet: Migration = {
  name: '0007-quiet',
  sql: `
ALTER TABLE registry.connection
  ADD COLUMN quiet_due_at timestamptz,
  ADD COLUMN quiet_tries integer NOT NULL DEFAULT 0,
  ADD COLUMN notifications_failure text;
COMMENT ON COLUMN registry.connection.quiet_due_at IS 'When it is next tried to end what the source of a paused connection was asked to tell; null: nothing is to be ended, or it was tried often enough.';
COMMENT ON COLUMN registry.connection.quiet_tries IS 'How often that was tried since it was paused.';
COMMENT ON COLUMN registry.connection.notifications_failure IS 'Why its source does not tell of all changes, or could not be told to stop, in a sentence for tenant IT that names nobody; null: all is as it should be.';
`,
};
