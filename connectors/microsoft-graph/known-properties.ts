/**
 * Properties that Microsoft documents of user, place and event. One that arrives though nobody asked for it is counted by
 * name; any other counts as `other`, because a name can be a person's.
 */
export const knownProperties: readonly string[] = `
aboutMe accountEnabled ageGroup assignedLicenses assignedPlans birthday businessPhones city companyName consentProvidedForMinor
country createdDateTime creationType department displayName employeeHireDate employeeId employeeLeaveDateTime employeeOrgData
employeeType externalUserState faxNumber givenName hireDate id identities imAddresses interests isResourceAccount jobTitle
lastPasswordChangeDateTime mail mailboxSettings mailNickname mobilePhone mySite officeLocation onPremisesDistinguishedName
onPremisesDomainName onPremisesExtensionAttributes onPremisesImmutableId onPremisesLastSyncDateTime onPremisesSamAccountName
onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName otherMails passwordPolicies passwordProfile
pastProjects postalCode preferredLanguage preferredName provisionedPlans proxyAddresses responsibilities schools
securityIdentifier showInAddressList signInActivity skills state streetAddress surname usageLocation userPrincipalName userType
address audioDeviceName bookingType building capacity displayDeviceName emailAddress floorLabel floorNumber geoCoordinates
isWheelChairAccessible label nickname parentId phone placeId tags videoDeviceName
allowNewTimeProposals attendees body bodyPreview categories changeKey end hasAttachments hideAttendees iCalUId importance
isAllDay isCancelled isDraft isOnlineMeeting isOrganizer isReminderOn lastModifiedDateTime location locations onlineMeeting
onlineMeetingProvider onlineMeetingUrl organizer originalEndTimeZone originalStart originalStartTimeZone recurrence
reminderMinutesBeforeStart responseRequested responseStatus sensitivity seriesMasterId showAs start subject transactionId type
webLink
`
  .trim()
  .split(/\s+/);
