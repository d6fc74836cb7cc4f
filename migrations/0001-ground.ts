import type { Migration } from './index.ts';
import { uuidTenant, walled } from './walls.ts';

// Creates the schemas from nothing: locks nothing, breaks nothing.

/** Registry tables name no person; only store.registry may read them across tenants, by saying so. */
const registered = (table: string, tenantColumn = 'tenant_id'): string => `
  ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
  ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
  CREATE POLICY one_tenant_or_registry ON ${table}
    USING (${tenantColumn} = NULLIF(current_setting('sluice.tenant', true), '')::uuid
           OR current_setting('sluice.registry', true) = 'on')
    WITH CHECK (${tenantColumn} = NULLIF(current_setting('sluice.tenant', true), '')::uuid
           OR current_setting('sluice.registry', true) = 'on');
  GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO sluice_runtime;`;

export const ground: Migration = {
  name: '0001-ground',
  sql: `
CREATE SCHEMA registry;
CREATE SCHEMA sluice;
GRANT USAGE ON SCHEMA registry, sluice TO sluice_runtime;

-- registry: what names no person and must be seen across tenants -------------------------------------------------

CREATE TABLE registry.tenant (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE
);
COMMENT ON TABLE registry.tenant IS 'Maps a tenant''s name to its id; the only key that does not begin with the tenant.';
${registered('registry.tenant', 'id')}

CREATE TABLE registry.rules (
  ${uuidTenant} PRIMARY KEY REFERENCES registry.tenant (id) ON DELETE CASCADE,
  version bigint NOT NULL DEFAULT 1
);
COMMENT ON TABLE registry.rules IS 'Locked shared by every page, exclusively by whatever changes who is let in.';
COMMENT ON COLUMN registry.rules.version IS 'Rises with every log-on, opt-in, erasure, feature, scope or changed identity.';
${registered('registry.rules')}

CREATE TABLE registry.feed_head (
  ${uuidTenant} PRIMARY KEY REFERENCES registry.tenant (id) ON DELETE CASCADE,
  epoch uuid NOT NULL DEFAULT gen_random_uuid(),
  seq bigint NOT NULL DEFAULT 0,
  purged_through bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN registry.feed_head.epoch IS 'Drawn anew by a restore, so that old cursors start again.';
COMMENT ON COLUMN registry.feed_head.seq IS 'The last number given out; taken last in a transaction, so numbers follow commits.';
COMMENT ON COLUMN registry.feed_head.purged_through IS 'Tombstones up to this number are gone; an older cursor would miss removals.';
${registered('registry.feed_head')}

CREATE TABLE registry.connection (
  ${uuidTenant} REFERENCES registry.tenant (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  connector text NOT NULL,
  directory text NOT NULL,
  paused boolean NOT NULL DEFAULT true,
  source_rank integer,
  schedule text,
  full_schedule text,
  time_zone text NOT NULL,
  next_due_at timestamptz,
  next_full_at timestamptz,
  full_wanted bigint NOT NULL DEFAULT 0,
  full_done bigint NOT NULL DEFAULT 0,
  health text NOT NULL DEFAULT 'never'
    CHECK (health IN ('never', 'ok', 'failing', 'held', 'quarantined', 'stopped')),
  failing_since timestamptz,
  failures integer NOT NULL DEFAULT 0,
  failure text,
  lease_epoch bigint NOT NULL DEFAULT 0,
  lease_until timestamptz,
  lease_run uuid,
  cancel_run uuid,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, name)
);
COMMENT ON TABLE registry.connection IS 'When each connection is due and who holds its lease; settings are elsewhere, sealed.';
COMMENT ON COLUMN registry.connection.name IS 'Its identity for the tenant.';
COMMENT ON COLUMN registry.connection.connector IS 'Which kind of system it reads.';
COMMENT ON COLUMN registry.connection.directory IS 'DIRECTORY of its directory-ids unless the settings name one: its first name, which a rename leaves alone.';
COMMENT ON COLUMN registry.connection.paused IS 'Idle until resumed; new and materially changed connections begin so.';
COMMENT ON COLUMN registry.connection.source_rank IS 'Place in the tenant''s list of whose word counts first; null: after those.';
COMMENT ON COLUMN registry.connection.schedule IS 'Cron expression in time_zone.';
COMMENT ON COLUMN registry.connection.full_schedule IS 'Cron expression for passes that must be full.';
COMMENT ON COLUMN registry.connection.time_zone IS 'The tenant''s IANA zone.';
COMMENT ON COLUMN registry.connection.next_due_at IS 'The next slot; missed ones collapse into it.';
COMMENT ON COLUMN registry.connection.next_full_at IS 'The next slot of full_schedule.';
COMMENT ON COLUMN registry.connection.full_wanted IS 'Rises when something changed that only a full pass can catch up with.';
COMMENT ON COLUMN registry.connection.full_done IS 'The wish that the last full run had read when it began: one made meanwhile still stands.';
COMMENT ON COLUMN registry.connection.health IS 'How the last runs went.';
COMMENT ON COLUMN registry.connection.failing_since IS 'First failure since the last success.';
COMMENT ON COLUMN registry.connection.failures IS 'Failures in a row.';
COMMENT ON COLUMN registry.connection.failure IS 'Why the last one failed, in a sentence without content.';
COMMENT ON COLUMN registry.connection.lease_epoch IS 'Fence: a holder of an older epoch writes nothing more.';
COMMENT ON COLUMN registry.connection.lease_until IS 'Database clock.';
COMMENT ON COLUMN registry.connection.lease_run IS 'The run that holds or last held the lease.';
COMMENT ON COLUMN registry.connection.cancel_run IS 'The run somebody asked to stop.';
${registered('registry.connection')}

-- sluice: one tenant's rows ---------------------------------------------------------------------------------------

CREATE TABLE sluice.tenant_key (
  ${uuidTenant} PRIMARY KEY REFERENCES registry.tenant (id) ON DELETE CASCADE,
  data_key bytea NOT NULL,
  digest_key bytea NOT NULL
);
COMMENT ON COLUMN sluice.tenant_key.data_key IS 'Seals the tenant''s values and wraps its users'' keys; wrapped by SLUICE_KEY.';
COMMENT ON COLUMN sluice.tenant_key.digest_key IS 'Root of the keys for digests; wrapped by SLUICE_KEY.';
${walled('sluice.tenant_key')}

CREATE TABLE sluice.configuration (
  ${uuidTenant} PRIMARY KEY REFERENCES registry.tenant (id) ON DELETE CASCADE,
  version bigint NOT NULL,
  document bytea NOT NULL
);
COMMENT ON COLUMN sluice.configuration.version IS 'Rises with every apply.';
COMMENT ON COLUMN sluice.configuration.document IS 'The whole configuration with its secrets, sealed.';
${walled('sluice.configuration')}

CREATE TABLE sluice.feature (
  ${uuidTenant} REFERENCES registry.tenant (id) ON DELETE CASCADE,
  name text NOT NULL,
  PRIMARY KEY (tenant_id, name)
);
COMMENT ON COLUMN sluice.feature.name IS 'A feature the tenant switched on.';
${walled('sluice.feature')}

CREATE TABLE sluice.user_key (
  ${uuidTenant},
  user_id uuid NOT NULL,
  wrapped bytea NOT NULL,
  PRIMARY KEY (tenant_id, user_id)
);
COMMENT ON COLUMN sluice.user_key.wrapped IS 'Key of one user''s values, wrapped by the tenant''s; an erasure destroys it first.';
${walled('sluice.user_key')}

CREATE TABLE sluice.users (
  ${uuidTenant} REFERENCES registry.tenant (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'left')),
  confirmed boolean NOT NULL DEFAULT false,
  left_at timestamptz,
  fields bytea NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN sluice.users.status IS 'left: no directory that once vouched does any more; the rest goes after the grace.';
COMMENT ON COLUMN sluice.users.confirmed IS 'Whether a directory vouched for the user.';
COMMENT ON COLUMN sluice.users.left_at IS 'Start of the leaver''s grace.';
COMMENT ON COLUMN sluice.users.fields IS 'The derived fields, sealed under the user''s key.';
COMMENT ON COLUMN sluice.users.version IS 'Feed number of the last change.';
CREATE INDEX users_left ON sluice.users (tenant_id, left_at) WHERE left_at IS NOT NULL;
${walled('sluice.users')}

CREATE TABLE sluice.contribution (
  ${uuidTenant},
  user_id uuid NOT NULL,
  supplier uuid NOT NULL,
  fields bytea NOT NULL,
  digest bytea NOT NULL,
  read_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, user_id, supplier),
  FOREIGN KEY (tenant_id, user_id) REFERENCES sluice.users (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.contribution.supplier IS 'A connection, the log-on or a correction.';
COMMENT ON COLUMN sluice.contribution.fields IS 'What it says of the user, with match values, sealed under the user''s key.';
COMMENT ON COLUMN sluice.contribution.digest IS 'Keyed digest of the same, to see without opening that nothing changed.';
COMMENT ON COLUMN sluice.contribution.read_at IS 'The instant before the source was asked; nothing older is written over it.';
${walled('sluice.contribution')}

CREATE TABLE sluice.binding (
  ${uuidTenant},
  connection_id uuid NOT NULL,
  key_digest bytea NOT NULL,
  user_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, connection_id, key_digest),
  UNIQUE (tenant_id, connection_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES sluice.users (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sluice.binding IS 'This source key of this connection is this user; decides alone once made.';
COMMENT ON COLUMN sluice.binding.key_digest IS 'Keyed digest of the source key.';
${walled('sluice.binding')}

CREATE TABLE sluice.match_value (
  ${uuidTenant},
  kind text NOT NULL,
  digest bytea NOT NULL,
  user_id uuid NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (tenant_id, kind, digest, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES sluice.users (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.match_value.kind IS 'email, directory-id, subject …';
COMMENT ON COLUMN sluice.match_value.digest IS 'Keyed digest by which a record is recognised.';
COMMENT ON COLUMN sluice.match_value.value IS 'The value, sealed under the user''s key: for the user''s own account of what is held.';
CREATE INDEX match_value_user ON sluice.match_value (tenant_id, user_id);
${walled('sluice.match_value')}

CREATE TABLE sluice.opt_in (
  ${uuidTenant},
  user_id uuid NOT NULL,
  feature text NOT NULL,
  text_version text NOT NULL,
  locale text NOT NULL,
  given_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, user_id, feature),
  FOREIGN KEY (tenant_id, user_id) REFERENCES sluice.users (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.opt_in.text_version IS 'Which text the user agreed to.';
COMMENT ON COLUMN sluice.opt_in.locale IS 'In which language.';
COMMENT ON COLUMN sluice.opt_in.given_at IS 'When: evidence of the opt-in; goes with it.';
${walled('sluice.opt_in')}

CREATE TABLE sluice.locker (
  ${uuidTenant},
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  source_key text NOT NULL,
  bank text,
  number text,
  place text,
  reported text CHECK (reported IN ('free', 'occupied', 'blocked', 'unknown')),
  size text,
  stranger boolean NOT NULL DEFAULT false,
  version bigint NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, connection_id, source_key),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.locker.source_key IS 'The source''s name for the locker; names no person.';
COMMENT ON COLUMN sluice.locker.bank IS 'Lockers that stand together.';
COMMENT ON COLUMN sluice.locker.number IS 'As written on the door.';
COMMENT ON COLUMN sluice.locker.place IS 'Where it stands.';
COMMENT ON COLUMN sluice.locker.reported IS 'Status as the source reports it; null: known from an assignment alone.';
COMMENT ON COLUMN sluice.locker.size IS 'As the source names it.';
COMMENT ON COLUMN sluice.locker.stranger IS 'Assigned to somebody who is not a user: occupied, and no more is known.';
COMMENT ON COLUMN sluice.locker.version IS 'Feed number of the last change.';
${walled('sluice.locker')}

CREATE TABLE sluice.locker_assignment (
  ${uuidTenant},
  connection_id uuid NOT NULL,
  source_key text NOT NULL,
  row_id uuid NOT NULL,
  locker_id uuid NOT NULL,
  user_id uuid NOT NULL,
  until timestamptz,
  shared boolean NOT NULL,
  read_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, connection_id, source_key),
  UNIQUE (tenant_id, row_id),
  FOREIGN KEY (tenant_id, locker_id) REFERENCES sluice.locker (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES sluice.users (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.locker_assignment.source_key IS 'The source''s name for the assignment; names no person.';
COMMENT ON COLUMN sluice.locker_assignment.row_id IS 'For the seen-set of a pass; never leaves the store.';
COMMENT ON COLUMN sluice.locker_assignment.until IS 'When the locker is handed back.';
COMMENT ON COLUMN sluice.locker_assignment.shared IS 'Whether several people use it.';
COMMENT ON COLUMN sluice.locker_assignment.read_at IS 'The instant before the source was asked; never leaves the store.';
CREATE INDEX locker_assignment_user ON sluice.locker_assignment (tenant_id, user_id);
CREATE INDEX locker_assignment_locker ON sluice.locker_assignment (tenant_id, locker_id);
${walled('sluice.locker_assignment')}

CREATE TABLE sluice.feed (
  ${uuidTenant},
  seq bigint NOT NULL,
  kind text NOT NULL,
  entity_id uuid NOT NULL,
  op text NOT NULL CHECK (op IN ('upsert', 'remove')),
  reason text,
  removed_at timestamptz,
  PRIMARY KEY (tenant_id, kind, entity_id),
  UNIQUE (tenant_id, seq)
);
COMMENT ON TABLE sluice.feed IS 'One row per entity, at the number of its last change: ids and no content.';
COMMENT ON COLUMN sluice.feed.seq IS 'From the feed head, last in the transaction: commit order.';
COMMENT ON COLUMN sluice.feed.reason IS 'Why it was removed.';
COMMENT ON COLUMN sluice.feed.removed_at IS 'When a tombstone may be forgotten is counted from here; null for what lives.';
CREATE INDEX feed_removed ON sluice.feed (tenant_id, removed_at) WHERE removed_at IS NOT NULL;
${walled('sluice.feed')}

CREATE TABLE sluice.partition (
  ${uuidTenant},
  connection_id uuid NOT NULL,
  stream text NOT NULL,
  name text NOT NULL,
  fingerprint text NOT NULL,
  state bytea,
  pass_run uuid,
  pass_mode text,
  pass_started_at timestamptz,
  pages integer NOT NULL DEFAULT 0,
  first_complete_at timestamptz,
  last_complete_at timestamptz,
  PRIMARY KEY (tenant_id, connection_id, stream, name),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.partition.name IS 'A part of the stream with a state of its own; usually one, unnamed.';
COMMENT ON COLUMN sluice.partition.fingerprint IS 'Of connector version, settings, scope and fields asked: another one starts a full pass.';
COMMENT ON COLUMN sluice.partition.state IS 'Where the next reading starts, sealed; opaque to all but its connector.';
COMMENT ON COLUMN sluice.partition.pass_run IS 'The run whose pass is under way or was the last to end: killed before its own end, it does not read again.';
COMMENT ON COLUMN sluice.partition.pass_mode IS 'full or incremental.';
COMMENT ON COLUMN sluice.partition.pass_started_at IS 'What was written after this, the sweep leaves alone; null between passes.';
COMMENT ON COLUMN sluice.partition.pages IS 'Pages committed in this pass.';
COMMENT ON COLUMN sluice.partition.first_complete_at IS 'Before it nothing is known completely.';
COMMENT ON COLUMN sluice.partition.last_complete_at IS 'Start of the last complete reading.';
${walled('sluice.partition')}

CREATE TABLE sluice.seen (
  ${uuidTenant},
  connection_id uuid NOT NULL,
  stream text NOT NULL,
  partition text NOT NULL,
  page integer NOT NULL,
  rows uuid[] NOT NULL,
  PRIMARY KEY (tenant_id, connection_id, stream, partition, page),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sluice.seen IS 'Which of our own rows the pass under way has seen; gone when it ends. Nothing of what was refused.';
${walled('sluice.seen')}

CREATE TABLE sluice.run (
  ${uuidTenant},
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  status text NOT NULL
    CHECK (status IN ('running', 'succeeded', 'failed', 'held', 'rejected', 'superseded', 'cancelled')),
  trigger text NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  requests bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  streams jsonb NOT NULL DEFAULT '{}',
  failure text,
  decided_by text,
  decided_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sluice.run IS 'Receipts: numbers and sentences, no content.';
COMMENT ON COLUMN sluice.run.streams IS 'Per stream: read, kept, changed, removed, dropped by reason, fields dropped by documented name.';
COMMENT ON COLUMN sluice.run.failure IS 'Why it failed, in a sentence without content.';
COMMENT ON COLUMN sluice.run.decided_by IS 'The API key''s or operator''s name that approved or rejected.';
CREATE INDEX run_connection ON sluice.run (tenant_id, connection_id, id);
${walled('sluice.run')}

CREATE TABLE sluice.held (
  ${uuidTenant},
  connection_id uuid NOT NULL,
  stream text NOT NULL,
  row_id uuid NOT NULL,
  run_id uuid NOT NULL,
  reason text NOT NULL,
  rejected boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, connection_id, stream, row_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sluice.held IS 'Removals that exceed the limit and wait for a person, by our row ids.';
COMMENT ON COLUMN sluice.held.reason IS 'source-removed or out-of-scope.';
COMMENT ON COLUMN sluice.held.rejected IS 'A person said no: not asked again until the row is seen again.';
CREATE INDEX held_run ON sluice.held (tenant_id, run_id);
${walled('sluice.held')}

CREATE TABLE sluice.removal (
  ${uuidTenant},
  connection_id uuid NOT NULL,
  stream text NOT NULL,
  run_id uuid NOT NULL,
  at timestamptz NOT NULL,
  rows_before integer NOT NULL,
  removed integer NOT NULL,
  PRIMARY KEY (tenant_id, connection_id, stream, run_id, at),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES registry.connection (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sluice.removal IS 'How many rows were taken away when, for the limit over 24 hours.';
${walled('sluice.removal')}

CREATE TABLE sluice.api_key (
  ${uuidTenant} REFERENCES registry.tenant (id) ON DELETE CASCADE,
  id text NOT NULL,
  name text NOT NULL,
  secret_digest bytea NOT NULL,
  scopes text[] NOT NULL,
  features text[],
  expires_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN sluice.api_key.name IS 'Who uses it, as tenant IT named them.';
COMMENT ON COLUMN sluice.api_key.secret_digest IS 'SHA-256 of a 192-bit random secret.';
COMMENT ON COLUMN sluice.api_key.features IS 'Null: every feature that is on.';
${walled('sluice.api_key')}

CREATE TABLE sluice.idempotency (
  ${uuidTenant},
  api_key text NOT NULL,
  key_digest bytea NOT NULL,
  fingerprint bytea NOT NULL,
  status integer,
  body bytea,
  subject_id uuid,
  begun_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, api_key, key_digest),
  FOREIGN KEY (tenant_id, api_key) REFERENCES sluice.api_key (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sluice.idempotency.fingerprint IS 'Keyed digest of the request: another one under the same key is refused.';
COMMENT ON COLUMN sluice.idempotency.status IS 'Of the answer; null while the work is under way.';
COMMENT ON COLUMN sluice.idempotency.body IS 'The answer, sealed.';
COMMENT ON COLUMN sluice.idempotency.subject_id IS 'The user it is about: an erasure takes it along.';
COMMENT ON COLUMN sluice.idempotency.begun_at IS 'Kept for 24 hours.';
${walled('sluice.idempotency')}
`,
};
