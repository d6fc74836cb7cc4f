import { badRequest, Refusal } from './answer.ts';
import type { Query } from './ask.ts';

/**
 * The properties that may be selected, so that a misspelt one is refused as Graph refuses it, and not answered with
 * silence. Of the CSDL of v1.0; navigation properties are left out.
 */
const words = (text: string) => text.trim().split(/\s+/);

const ofUser = words(`
  id deletedDateTime aboutMe accountEnabled ageGroup assignedLicenses assignedPlans authorizationInfo birthday
  businessPhones city companyName consentProvidedForMinor country createdDateTime creationType customSecurityAttributes
  department displayName employeeHireDate employeeId employeeLeaveDateTime employeeOrgData employeeType
  externalUserState externalUserStateChangeDateTime faxNumber givenName hireDate identities imAddresses interests
  isManagementRestricted isResourceAccount jobTitle lastPasswordChangeDateTime legalAgeGroupClassification
  licenseAssignmentStates mail mailboxSettings mailNickname mobilePhone mySite officeLocation
  onPremisesDistinguishedName onPremisesDomainName onPremisesExtensionAttributes onPremisesImmutableId
  onPremisesLastSyncDateTime onPremisesProvisioningErrors onPremisesSamAccountName onPremisesSecurityIdentifier
  onPremisesSyncEnabled onPremisesUserPrincipalName otherMails passwordPolicies passwordProfile pastProjects postalCode
  preferredDataLocation preferredLanguage preferredName print provisionedPlans proxyAddresses responsibilities schools
  securityIdentifier serviceProvisioningErrors showInAddressList signInActivity signInSessionsValidFromDateTime skills
  state streetAddress surname usageLocation userPrincipalName userType
`);

const ofPlace = words(`
  id address displayName geoCoordinates phone parentId isWheelChairAccessible label tags accessibility placeId
  audioDeviceName bookingType building capacity displayDeviceName emailAddress floorLabel floorNumber nickname
  videoDeviceName mode mailboxDetails resourceLinks wifiState heightAdjustableState isHeightAdjustable teamsEnabledState
  hasWiFi sortOrder timeZone
`);

const ofEvent = words(`
  id categories changeKey createdDateTime lastModifiedDateTime allowNewTimeProposals attendees body bodyPreview
  cancelledOccurrences end hasAttachments hideAttendees iCalUId importance isAllDay isCancelled isDraft
  isOnlineMeeting isOrganizer isReminderOn location locations onlineMeeting onlineMeetingProvider onlineMeetingUrl
  organizer originalEndTimeZone originalStart originalStartTimeZone recurrence reminderMinutesBeforeStart
  responseRequested responseStatus sensitivity seriesMasterId showAs start subject transactionId type webLink uid
`);

/**
 * Of a user, what is kept outside the directory's store: in no collection of users, not even selected, and no change of it is
 * tracked (delta-query-overview, "Properties stored outside of the main data store"; resources/user).
 */
const outsideOfTheStore = new Set(
  words(`
  aboutMe birthday hireDate interests mailboxSettings mySite pastProjects preferredName responsibilities schools skills
`),
);

/** By type, all that can be selected. */
export const documented = { user: ofUser, place: ofPlace, event: ofEvent } as const;

const known = { user: new Set(ofUser), place: new Set(ofPlace), event: new Set(ofEvent) };

/** The names in `$select`; `undefined` if it was not sent. */
export function selected(query: Query, type: keyof typeof known): readonly string[] | undefined {
  const text = query.get('$select');
  if (text === undefined) return undefined;
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!known[type].has(name)) {
      throw badRequest(
        `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type 'microsoft.graph.${type}'.`,
      );
    }
  }
  return names;
}

/** The same in a collection of users and in its delta. */
export function selectedOfUsers(query: Query): readonly string[] | undefined {
  const names = selected(query, 'user');
  if (names?.some((name) => outsideOfTheStore.has(name)))
    throw new Refusal(501, 'NotImplemented', 'This operation target is not yet supported.');
  return names;
}
