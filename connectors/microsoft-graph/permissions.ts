/** What a run asks of Graph, and the application permissions that allow it: the least first, then those that allow more. */
export interface Need {
  readonly what: string;
  readonly least: readonly string[];
  readonly more: readonly string[];
}

/** Opens no operation on users to an application, though it can be granted (Microsoft Q&A 6019739; api/user-delta). */
export const OPENS_NOTHING = 'User.ReadBasic.All';

export const usersNeed: Need = {
  what: 'read the directory’s users',
  least: ['User.Read.All'],
  more: ['User.ReadWrite.All', 'Directory.Read.All', 'Directory.ReadWrite.All'],
};
export const placesNeed: Need = {
  what: 'read buildings, rooms and desks',
  least: ['Place.Read.All'],
  more: ['Place.ReadWrite.All'],
};
/** Two names of one permission occur. None is needed in Entra where Exchange grants it for some mailboxes. */
export const calendarsNeed: Need = {
  what: 'read the calendars of all mailboxes',
  least: ['Calendars.ReadBasic.All', 'Calendars.ReadBasic'],
  more: ['Calendars.Read', 'Calendars.ReadWrite'],
};
/** To be told of changes takes more than to read them (api/subscription-post-subscriptions). */
export const calendarChangesNeed: Need = {
  what: 'be told of changes of calendars',
  least: ['Calendars.Read'],
  more: ['Calendars.ReadWrite'],
};
export const groupsNeed: Need = {
  what: 'read who is in the group named in mailboxes',
  least: ['GroupMember.Read.All'],
  more: ['Group.Read.All', 'Group.ReadWrite.All', 'Directory.Read.All', 'Directory.ReadWrite.All'],
};

export const isMet = (granted: readonly string[], { least, more }: Need): boolean =>
  [...least, ...more].some((role) => granted.includes(role));

/** Those that none of these needs asks for. */
export function unneeded(granted: readonly string[], needs: readonly Need[]): string[] {
  const least = new Set(needs.flatMap((need) => need.least));
  return granted.filter((role) => !least.has(role));
}

/**
 * The application permissions in an access token, which is looked at for this and for nothing else.
 * @returns undefined if it shows none: Microsoft does not promise that its tokens can be read
 */
export function rolesIn(token: string): readonly string[] | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      roles?: unknown;
    };
    if (claims.roles === undefined) return [];
    return Array.isArray(claims.roles)
      ? claims.roles.filter((role) => typeof role === 'string' && /^[A-Za-z]+([.-][A-Za-z]+){1,4}$/.test(role))
      : undefined;
  } catch {
    return undefined;
  }
}
