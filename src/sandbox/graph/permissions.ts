import { Refusal } from './answer.ts';
import type { Ask } from './ask.ts';

/**
 * Which application roles open what: any one of them does. `User.ReadBasic.All` exists as an application role, and no
 * operation on users accepts it.
 */
const opened = {
  users: ['User.Read.All', 'User.ReadWrite.All', 'Directory.Read.All', 'Directory.ReadWrite.All'],
  places: ['Place.Read.All', 'Place.ReadWrite.All'],
  groups: ['GroupMember.Read.All', 'Group.Read.All', 'Directory.Read.All', 'Directory.ReadWrite.All'],
  // Both names of the first occur.
  calendars: ['Calendars.ReadBasic', 'Calendars.ReadBasic.All', 'Calendars.Read', 'Calendars.ReadWrite'],
  // To be told of changes takes more than to read them (api/subscription-post-subscriptions).
  calendarChanges: ['Calendars.Read', 'Calendars.ReadWrite'],
} as const satisfies Record<string, readonly string[]>;

export type Area = keyof typeof opened;

export function isAllowed(ask: Ask, area: Area): boolean {
  return opened[area].some((role) => ask.token.roles.includes(role));
}

export function demand(ask: Ask, area: Area): void {
  if (isAllowed(ask, area)) return;
  throw new Refusal(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');
}

/** ReadBasic leaves out body, attachments and extensions. It still shows subject, location and attendees. */
export function seesBodies(ask: Ask): boolean {
  return ask.token.roles.some((role) => role === 'Calendars.Read' || role === 'Calendars.ReadWrite');
}
