import { findAvailability } from './availability/handlers.ts';
import { availability, availabilityQuestion } from './availability/schema.ts';
import { readChanges } from './changes/handlers.ts';
import { changes, changesQuery } from './changes/schema.ts';
import * as connections from './connections/handlers.ts';
import * as connectionSchema from './connections/schema.ts';
import { listEvents } from './events/handlers.ts';
import { eventList, eventsQuery } from './events/schema.ts';
import * as keys from './keys/handlers.ts';
import * as keySchema from './keys/schema.ts';
import { longestWaitS } from './limits.ts';
import { logOn as handleLogOn } from './logons/handlers.ts';
import { logOn } from './logons/schema.ts';
import * as optIns from './opt-ins/handlers.ts';
import * as optInSchema from './opt-ins/schema.ts';
import { type Route, route } from './route.ts';
import * as runs from './runs/handlers.ts';
import * as runSchema from './runs/schema.ts';
import { byId, listQuery } from './shapes.ts';
import { listSources } from './sources/handlers.ts';
import { sourceList } from './sources/schema.ts';
import { listSpaces } from './spaces/handlers.ts';
import { spaceList } from './spaces/schema.ts';
import * as users from './users/handlers.ts';
import { user, userList } from './users/schema.ts';

/** Asking a tenant's own system can take its time. */
const SOURCE_MS = 120_000;

/** Every route that wants a key, in the order it is documented. Within /v1 changes only add. */
export const routes: readonly Route[] = [
  // ── for booking services ──────────────────────────────────────────────────────────────────────────────────────
  route({
    method: 'POST',
    path: '/v1/logons',
    scope: 'users:write',
    summary: 'Tell the hub that a person logged on',
    description:
      'A person exists here from their first log-on. Repeat it at every log-on: what is known already writes nothing, and the time is not kept. If the hub is away, let the person in and repeat later.',
    body: logOn,
    answers: {
      201: { means: 'First log-on: now a user.', schema: user },
      200: { means: 'A known user.', schema: user },
    },
    problems: ['not-admitted', 'identity-conflict', 'unsupported'],
    handler: handleLogOn,
  }),
  route({
    method: 'GET',
    path: '/v1/users',
    scope: 'users:read',
    summary: 'List users',
    description: 'Ordered by id. To stay up to date, read the changes instead of this list again.',
    query: listQuery,
    answers: { 200: { means: 'A page of users.', schema: userList } },
    handler: users.listUsers,
  }),
  route({
    method: 'GET',
    path: '/v1/users/{id}',
    scope: 'users:read',
    summary: 'Read a user',
    params: byId,
    answers: { 200: { means: 'The user.', schema: user } },
    handler: users.getUser,
  }),
  route({
    method: 'DELETE',
    path: '/v1/users/{id}',
    scope: 'users:erase',
    summary: 'Erase a user',
    description: 'At once. No run brings them back; a later log-on makes a new user.',
    params: byId,
    answers: { 204: { means: 'Erased.' } },
    handler: users.eraseUser,
  }),
  route({
    method: 'PUT',
    path: '/v1/users/{id}/opt-ins/{feature}',
    scope: 'opt-ins:write',
    summary: 'Switch a feature on for a user',
    params: optInSchema.optInParams,
    body: optInSchema.optInEvidence,
    answers: { 200: { means: 'What the user has switched on now.', schema: optInSchema.optIns } },
    problems: ['feature-off'],
    handler: optIns.optIn,
  }),
  route({
    method: 'DELETE',
    path: '/v1/users/{id}/opt-ins/{feature}',
    scope: 'opt-ins:write',
    summary: 'Switch a feature off for a user',
    description: 'What the feature held about the user is erased in the same transaction.',
    params: optInSchema.optInParams,
    answers: { 200: { means: 'What the user has switched on now.', schema: optInSchema.optIns } },
    handler: optIns.optOut,
  }),
  route({
    method: 'GET',
    path: '/v1/spaces',
    scope: 'spaces:read',
    summary: 'List spaces',
    description: 'Buildings, floors, zones, rooms and desks, ordered by id.',
    query: listQuery,
    answers: { 200: { means: 'A page of spaces.', schema: spaceList } },
    problems: ['feature-off'],
    handler: listSpaces,
  }),
  route({
    method: 'GET',
    path: '/v1/events',
    scope: 'events:read',
    summary: 'List events',
    description:
      'The times for which spaces are taken, ordered by id; 404 if one of `space` is none of yours. Whether a space is free, ask `POST /v1/availability`. With `user`, the times for which that user is busy, if they have opted in.',
    query: eventsQuery,
    answers: { 200: { means: 'A page of events.', schema: eventList } },
    problems: ['feature-off', 'no-opt-in', 'not-found'],
    handler: listEvents,
  }),
  route({
    method: 'POST',
    path: '/v1/availability',
    scope: 'events:read',
    summary: 'Find out when spaces are taken and free',
    description:
      'Per space merged, half-open intervals. What was never completely read, or lies outside the window that is read, is never told as free. An id that is no space of yours is answered 404.',
    body: availabilityQuestion,
    answers: { 200: { means: 'In the order asked.', schema: availability } },
    problems: ['feature-off', 'not-found'],
    changesNothing: true,
    handler: findAvailability,
  }),
  route({
    method: 'GET',
    path: '/v1/sources',
    scope: 'sources:read',
    summary: 'Read how fresh each source is',
    query: listQuery,
    answers: { 200: { means: 'One entry per connection and stream.', schema: sourceList } },
    handler: listSources,
  }),
  route({
    method: 'GET',
    path: '/v1/changes',
    scope: 'changes:read',
    summary: 'Follow what changed',
    description:
      'Without a cursor every live entity comes once, then the changes: that is the bulk load, and what a 410 asks for. Kinds outside the key’s scopes are left out and the cursor still advances. Apply the items, then store `next`.',
    query: changesQuery,
    answers: { 200: { means: 'Changes in the order of their commits.', schema: changes } },
    problems: ['cursor-too-old'],
    answerWithinMs: longestWaitS * 1000 + 20_000,
    handler: readChanges,
  }),

  // ── for tenant IT ─────────────────────────────────────────────────────────────────────────────────────────────
  route({
    method: 'GET',
    path: '/admin/v1/connections',
    scope: 'admin',
    summary: 'List connections',
    query: listQuery,
    answers: { 200: { means: 'Ordered by name.', schema: connectionSchema.connectionList } },
    handler: connections.listConnections,
  }),
  route({
    method: 'GET',
    path: '/admin/v1/connections/{name}',
    scope: 'admin',
    summary: 'Read a connection',
    params: connectionSchema.connectionParams,
    answers: { 200: { means: 'The connection.', schema: connectionSchema.connection } },
    handler: connections.getConnection,
  }),
  route({
    method: 'POST',
    path: '/admin/v1/connections/{name}/check',
    scope: 'admin',
    summary: 'Check a connection',
    description: 'Name, connection, TLS, sign-in, permissions: too few, and too many. Reads no records.',
    params: connectionSchema.connectionParams,
    answers: {
      200: { means: 'What was found; `passed` says whether a run would work.', schema: connectionSchema.checkReport },
    },
    problems: ['needs-attention', 'upstream-busy'],
    changesNothing: true,
    answerWithinMs: SOURCE_MS,
    handler: connections.checkConnection,
  }),
  route({
    method: 'POST',
    path: '/admin/v1/connections/{name}/preview',
    scope: 'admin',
    summary: 'Preview what the gate would let in',
    description: 'A dry run: writes nothing, and never shows a value that would be dropped.',
    params: connectionSchema.connectionParams,
    body: connectionSchema.previewRequest,
    bodyOptional: true,
    answers: { 200: { means: 'Per field kept or dropped, and why.', schema: connectionSchema.previewReport } },
    problems: ['needs-attention', 'upstream-busy'],
    changesNothing: true,
    answerWithinMs: SOURCE_MS,
    handler: connections.previewConnection,
  }),
  route({
    method: 'POST',
    path: '/admin/v1/connections/{name}/pause',
    scope: 'admin',
    summary: 'Pause a connection',
    description: 'What it supplied stays; nothing is read until it is resumed.',
    params: connectionSchema.connectionParams,
    answers: { 200: { means: 'The connection.', schema: connectionSchema.connection } },
    handler: connections.pauseConnection,
  }),
  route({
    method: 'POST',
    path: '/admin/v1/connections/{name}/resume',
    scope: 'admin',
    summary: 'Resume a connection',
    description: 'If it was paused, a run is wanted at once.',
    params: connectionSchema.connectionParams,
    answers: { 200: { means: 'The connection.', schema: connectionSchema.connection } },
    handler: connections.resumeConnection,
  }),
  route({
    method: 'POST',
    path: '/admin/v1/connections/{name}/runs',
    scope: 'admin',
    summary: 'Start a run',
    description:
      'Refused with `upstream-busy` while its source asks to be left alone: `Retry-After` says for how long. A schedule goes on by itself.',
    params: connectionSchema.connectionParams,
    body: connectionSchema.runRequest,
    bodyOptional: true,
    answers: { 202: { means: 'A worker will take it.', schema: connectionSchema.requestedRun } },
    problems: ['already-running', 'upstream-busy'],
    handler: connections.startRun,
  }),
  route({
    method: 'GET',
    path: '/admin/v1/runs',
    scope: 'admin',
    summary: 'List runs',
    query: runSchema.runsQuery,
    answers: { 200: { means: 'A page of receipts.', schema: runSchema.receiptList } },
    handler: runs.listRuns,
  }),
  route({
    method: 'GET',
    path: '/admin/v1/runs/{id}',
    scope: 'admin',
    summary: 'Read a run’s receipt',
    params: byId,
    answers: { 200: { means: 'The receipt.', schema: runSchema.receipt } },
    handler: runs.getRun,
  }),
  route({
    method: 'POST',
    path: '/admin/v1/runs/{id}/approve',
    scope: 'admin',
    summary: 'Approve held removals',
    description:
      'Removes what the run held, less what was seen again since. A run that failed all the same is decided on too, and stays failed.',
    params: byId,
    answers: { 200: { means: 'The receipt.', schema: runSchema.receipt } },
    problems: ['not-held'],
    answerWithinMs: 60_000,
    handler: runs.approveRun,
  }),
  route({
    method: 'POST',
    path: '/admin/v1/runs/{id}/reject',
    scope: 'admin',
    summary: 'Reject held removals',
    description: 'Keeps them all, and does not ask again until they are seen again.',
    params: byId,
    answers: { 200: { means: 'The receipt.', schema: runSchema.receipt } },
    problems: ['not-held'],
    handler: runs.rejectRun,
  }),
  route({
    method: 'POST',
    path: '/admin/v1/runs/{id}/cancel',
    scope: 'admin',
    summary: 'Cancel a run',
    description: 'It stops after the page under way; what is committed stays.',
    params: byId,
    answers: { 200: { means: 'The receipt.', schema: runSchema.receipt } },
    handler: runs.cancelRun,
  }),
  route({
    method: 'GET',
    path: '/admin/v1/keys',
    scope: 'admin',
    summary: 'List API keys',
    query: listQuery,
    answers: { 200: { means: 'Without their secrets.', schema: keySchema.keyList } },
    handler: keys.listKeys,
  }),
  route({
    method: 'POST',
    path: '/admin/v1/keys',
    scope: 'admin',
    summary: 'Create an API key',
    body: keySchema.newKey,
    answers: { 201: { means: 'The key, shown this once.', schema: keySchema.createdKey } },
    handler: keys.createKey,
  }),
  route({
    method: 'DELETE',
    path: '/admin/v1/keys/{id}',
    scope: 'admin',
    summary: 'Revoke an API key',
    params: keySchema.keyParams,
    answers: { 204: { means: 'Revoked: refused from the next request on.' } },
    handler: keys.revokeKey,
  }),
];
