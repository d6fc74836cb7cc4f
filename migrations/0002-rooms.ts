import type { Migration } from './index.ts';
import { uuidTenant, walled } from './walls.ts';

// Adds two tables and three columns that may be null: locks sluice.partition for an instant, breaks nothing.

export const rooms: Migration = {
  name: '0002-rooms',
  sql: `
CREATE TABLE sluice.space (
  ${uuidTenant},
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  source_key text NOT NULL,
  name text,
  kind text NOT NULL CHECK (kind IN ('building', 'floor', 'zone', 'room', 'desk')),
  parent text,
  capacity integer,
  time_zone text,
  equipment text[] NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, connection_id, source_key),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.space.source_key IS 'The source''s name for the space; names no person.';
COMMENT ON COLUMN sluice.space.name IS 'As people call it.';
COMMENT ON COLUMN sluice.space.kind IS 'What it is: some are booked, others hold them.';
COMMENT ON COLUMN sluice.space.parent IS 'Source key of the space it is in, of the same connection.';
COMMENT ON COLUMN sluice.space.capacity IS 'People.';
COMMENT ON COLUMN sluice.space.time_zone IS 'IANA zone of its clock.';
COMMENT ON COLUMN sluice.space.equipment IS 'Codes, in order.';
COMMENT ON COLUMN sluice.space.version IS 'Feed number of the last change.';
${walled('sluice.space')}

CREATE TABLE sluice.event (
  ${uuidTenant},
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  partition text NOT NULL,
  source_key text NOT NULL,
  space text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  time_zone text,
  all_day boolean NOT NULL,
  show_as text NOT NULL CHECK (show_as IN ('free', 'tentative', 'busy')),
  organizer uuid,
  series text,
  version bigint NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, connection_id, partition, source_key),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, organizer) REFERENCES sluice.users (tenant_id, id) ON DELETE SET NULL (organizer)
);
COMMENT ON COLUMN sluice.event.partition IS 'The part of the stream that told it; its reading alone takes it away.';
COMMENT ON COLUMN sluice.event.source_key IS 'The source''s name for the event; names no person.';
COMMENT ON COLUMN sluice.event.space IS 'Source key of the space it takes, of the same connection.';
COMMENT ON COLUMN sluice.event.starts_at IS 'First instant it takes.';
COMMENT ON COLUMN sluice.event.ends_at IS 'First instant it no longer takes.';
COMMENT ON COLUMN sluice.event.time_zone IS 'IANA zone it was meant in.';
COMMENT ON COLUMN sluice.event.all_day IS 'Takes whole days of that zone.';
COMMENT ON COLUMN sluice.event.show_as IS 'Whether the space is taken for certain.';
COMMENT ON COLUMN sluice.event.organizer IS 'A user, until the event ends; nobody else, ever.';
COMMENT ON COLUMN sluice.event.series IS 'Keyed digest of the source''s name for the series: it is replaced as a whole.';
COMMENT ON COLUMN sluice.event.version IS 'Feed number of the last change.';
CREATE INDEX event_space ON sluice.event (tenant_id, connection_id, space, ends_at);
CREATE INDEX event_ended ON sluice.event (tenant_id, ends_at);
CREATE INDEX event_organizer ON sluice.event (tenant_id, organizer) WHERE organizer IS NOT NULL;
${walled('sluice.event')}

ALTER TABLE sluice.partition ADD COLUMN about text, ADD COLUMN covers_from timestamptz, ADD COLUMN covers_to timestamptz;
COMMENT ON COLUMN sluice.partition.about IS 'Source key of the space whose events it tells; null: of none, or of all.';
COMMENT ON COLUMN sluice.partition.covers_from IS 'Start of the window of time that the last complete reading covered; null: not a matter of time.';
COMMENT ON COLUMN sluice.partition.covers_to IS 'End of that window: what lies beyond is not known.';
CREATE INDEX partition_about ON sluice.partition (tenant_id, connection_id, about) WHERE about IS NOT NULL;
`,
};
