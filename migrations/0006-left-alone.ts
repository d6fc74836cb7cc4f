import type { Migration } from './index.ts';

// Adds one column that may be null: locks registry.connection for an instant, breaks nothing.

export const leftAlone: Migration = {
  name: '0006-left-alone',
  sql: `
ALTER TABLE registry.connection ADD COLUMN not_before timestamptz;
COMMENT ON COLUMN registry.connection.not_before IS 'The source asked for no request before this instant (Retry-After): until then nothing of this hub asks it for anything. Past or null: it may be asked.';
`,
};
