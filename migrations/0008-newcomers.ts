import type { Migration } from './index.ts';

/**
 * PostgreSQL keeps how often each of the large tenants stands in a table, takes that for all there are, and expects a
 * single row of one that came later: it joins every row of a newcomer with every row, and takes any index that begins
 * with the tenant for as good as the right one. Without a count by tenant it expects one row in two hundred, of every
 * tenant. A table that comes later needs the same: test/store/fresh-tenant.test.ts looks.
 */
const uncounted = ['tenant_id', 'connection_id', 'supplier'];

// Changes what ANALYZE gathers and forgets what it had, which stops no reader or writer. Makes two indexes: writes of
// spaces and events wait meanwhile, for a second or two with a million events.

export const newcomers: Migration = {
  name: '0008-newcomers',
  sql: `
DO $$
DECLARE one record;
BEGIN
  FOR one IN
    SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'sluice'::regnamespace AND c.relkind = 'r' AND NOT a.attisdropped
       AND a.attname IN (${uncounted.map((name) => `'${name}'`).join(', ')})
  LOOP
    EXECUTE format('ALTER TABLE sluice.%I ALTER COLUMN %I SET STATISTICS 0', one.relname, one.attname);
    -- What was gathered before would stand for ever. Older servers let no owner forget it; there it goes with the next
    -- restore or upgrade, which carry no statistics.
    IF current_setting('server_version_num')::int >= 180000 THEN
      PERFORM pg_clear_attribute_stats('sluice', one.relname, one.attname, false);
    END IF;
  END LOOP;
END $$;

-- One that begins like the key of events would be as good as that to the planner where a partition is named.
DROP INDEX sluice.event_space;
CREATE INDEX event_space ON sluice.event (tenant_id, space, connection_id, ends_at);
CREATE INDEX space_parent ON sluice.space (tenant_id, parent, connection_id) WHERE parent IS NOT NULL;
`,
};
