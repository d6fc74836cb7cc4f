import type { Migration } from './index.ts';
import { uuidTenant, walled } from './walls.ts';

// Adds two tables and a column with a default: rewrites sluice.opt_in, which is small, and locks it meanwhile.

export const userEvents: Migration = {
  name: '0003-user-events',
  sql: `
ALTER TABLE sluice.opt_in ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
COMMENT ON COLUMN sluice.opt_in.id IS 'Another one each time it is given: nothing asked for under an earlier one is written under a later.';

CREATE TABLE sluice.user_event (
  ${uuidTenant},
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  user_id uuid NOT NULL,
  source_key text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  time_zone text,
  all_day boolean NOT NULL,
  show_as text NOT NULL CHECK (show_as IN ('free', 'tentative', 'busy')),
  spaces text[] NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, connection_id, user_id, source_key),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES sluice.users (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.user_event.user_id IS 'A user who opted in; with the opt-in the row goes.';
COMMENT ON COLUMN sluice.user_event.source_key IS 'Its name among this user''s events; names no person.';
COMMENT ON COLUMN sluice.user_event.starts_at IS 'First instant the user is busy.';
COMMENT ON COLUMN sluice.user_event.ends_at IS 'First instant they no longer are; the row goes when it is over.';
COMMENT ON COLUMN sluice.user_event.time_zone IS 'IANA zone it was meant in.';
COMMENT ON COLUMN sluice.user_event.all_day IS 'Takes whole days of that zone.';
COMMENT ON COLUMN sluice.user_event.show_as IS 'Whether they are busy for certain.';
COMMENT ON COLUMN sluice.user_event.spaces IS 'Source keys of our spaces it is in, of the same connection, in order.';
COMMENT ON COLUMN sluice.user_event.version IS 'Feed number of the last change.';
CREATE INDEX user_event_user ON sluice.user_event (tenant_id, user_id, ends_at);
CREATE INDEX user_event_ended ON sluice.user_event (tenant_id, ends_at);
${walled('sluice.user_event')}

CREATE TABLE sluice.user_calendar (
  ${uuidTenant},
  connection_id uuid NOT NULL,
  user_id uuid NOT NULL,
  read_at timestamptz NOT NULL,
  covers_from timestamptz NOT NULL,
  covers_to timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, connection_id, user_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES sluice.users (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.user_calendar.user_id IS 'A user who opted in; with the opt-in the row goes.';
COMMENT ON COLUMN sluice.user_calendar.read_at IS 'Instant before the source was last asked and told everything.';
COMMENT ON COLUMN sluice.user_calendar.covers_from IS 'Start of the window of time that it told.';
COMMENT ON COLUMN sluice.user_calendar.covers_to IS 'End of that window: what lies beyond is not known.';
${walled('sluice.user_calendar')}
`,
};
