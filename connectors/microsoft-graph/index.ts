/** People, rooms and calendars, from Microsoft 365 through Microsoft Graph. */
import { certificateEnds, connector, type SourceRecord } from '../../src/contract/index.ts';
import { checkTenant } from './check.ts';
import { calendars, calendarsAtOnce, readEvents } from './events.ts';
import { readWindow } from './events-window.ts';
import { immutableId } from './immutable-id.ts';
import { knownProperties } from './known-properties.ts';
import { notifications } from './notifications.ts';
import { settings } from './settings.ts';
import { readSpaces } from './spaces.ts';
import { readUserEvents } from './user-events.ts';
import { lookupUsers, readUsers } from './users.ts';

export default connector({
  name: 'microsoft-graph',
  summary: 'People, rooms, desks and room calendars from Microsoft 365.',
  version: 1,
  settings,
  network:
    'From Sluice to graph.microsoft.com and login.microsoftonline.com, or to those of your cloud: TCP 443 (HTTPS). Only with notifications: from Microsoft to SLUICE_PUBLIC_URL, TCP 443.',
  permission:
    'Application permissions User.Read.All, Place.Read.All, and for calendars Calendars.Read in Exchange for the mailboxes of the rooms only (RBAC for Applications), or Calendars.ReadBasic.All. Users who opted in are asked about on behalf of a room, unless people_calendars says otherwise.',
  knownFields: knownProperties,
  // As Entra's tokens write it: the log-on of a user tells it in the same letters.
  directory: ({ tenant_id }) => `entra:${tenant_id.trim().toLowerCase()}`,
  // Entra looks at the first certificate alone: the others are its authorities'.
  expiries: ({ certificate = '' }) =>
    certificateEnds(certificate)
      .slice(0, 1)
      .map((at) => ({ setting: 'certificate', at })),
  check: checkTenant,
  notifications,
  streams: {
    users: {
      key: 'id',
      match: { 'directory-id': 'id', email: 'mail' },
      elsewhere: { setting: 'on_premises_directory', theirs: immutableId },
      decide: {
        accountEnabled: 'Tells accounts that may no longer sign in.',
        userType: 'Tells guests from people of the organisation.',
      },
      keep: {
        given_name: 'givenName',
        family_name: 'surname',
        email: 'mail',
        phone: 'businessPhones',
        job_title: 'jobTitle',
        department: 'department',
      },
      inScope: isColleague,
      resumable: true,
      incremental: true,
      read: readUsers,
      lookup: lookupUsers,
    },
    spaces: {
      key: 'id',
      decide: { emailAddress: 'Tells which calendar is whose room.' },
      keep: {
        name: 'displayName',
        kind: 'kind',
        parent: 'parentId',
        capacity: 'capacity',
        equipment: 'equipment',
      },
      resumable: false,
      incremental: false,
      read: readSpaces,
    },
    events: {
      key: 'id',
      decide: {
        isCancelled: 'Tells meetings that were called off: the room is free.',
        response: 'Tells meetings that the room declined: it is free.',
        type: 'Tells a series as such from its occurrences.',
      },
      keep: {
        space: 'space',
        starts_at: 'start',
        ends_at: 'end',
        time_zone: 'zone',
        all_day: 'isAllDay',
        show_as: 'showAs',
        organizer: 'organizer',
        series: 'seriesMasterId',
      },
      inScope: takesTheRoom,
      resumable: false,
      incremental: ({ reading }) => reading === 'changes',
      partitions: calendars,
      sideBySide: calendarsAtOnce,
      read: (context) => (context.settings.reading === 'window' ? readWindow(context) : readEvents(context)),
    },
    user_events: {
      key: 'id',
      keep: {
        starts_at: 'start',
        ends_at: 'end',
        time_zone: 'zone',
        all_day: 'isAllDay',
        show_as: 'showAs',
        spaces: 'spaces',
      },
      peopleAtOnce: 20,
      wanted: ({ people_calendars }) => people_calendars !== 'off',
      read: readUserEvents,
    },
  },
});

/** Absent is not false: accounts made before there was a userType have none, and are no guests. */
function isColleague({ accountEnabled, userType }: SourceRecord): boolean {
  return accountEnabled !== false && String(userType ?? '').toLowerCase() !== 'guest';
}

function takesTheRoom({ isCancelled, response, type }: SourceRecord): boolean {
  return isCancelled !== true && response !== 'declined' && type !== 'seriesMaster';
}
