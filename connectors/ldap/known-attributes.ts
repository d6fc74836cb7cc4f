/**
 * Attributes that RFC 4519, RFC 4524, RFC 2798, RFC 2307, OpenLDAP and Active Directory document. A server that sends
 * what nobody asked for has these counted by name; any other name counts as `other`, because it can be a person's.
 */
export const knownAttributes: readonly string[] = `
accountExpires audio badPasswordTime badPwdCount businessCategory c carLicense cn co comment company countryCode
createTimestamp creatorsName department departmentNumber description destinationIndicator directReports
displayName distinguishedName division employeeID employeeNumber employeeType entryCSN entryDN entryUUID
facsimileTelephoneNumber generationQualifier gidNumber givenName hasSubordinates homeDirectory homeDrive
homePhone homePostalAddress houseIdentifier info initials instanceType internationaliSDNNumber ipPhone jpegPhoto
krbPrincipalKey krbPrincipalName l labeledURI lastLogon lastLogonTimestamp loginShell logonCount mail
mailNickname manager member memberOf middleName mobile modifiersName modifyTimestamp msExchHideFromAddressLists
name o objectCategory objectClass objectGUID objectSid otherMailbox otherTelephone ou pager personalTitle photo
physicalDeliveryOfficeName postalAddress postalCode postOfficeBox preferredDeliveryMethod preferredLanguage
primaryGroupID proxyAddresses pwdAccountLockedTime pwdChangedTime pwdFailureTime pwdHistory pwdLastSet
registeredAddress roomNumber sAMAccountName sAMAccountType sambaLMPassword sambaNTPassword sambaSID secretary
seeAlso sn st street streetAddress structuralObjectClass subschemaSubentry telephoneNumber
teletexTerminalIdentifier telexNumber thumbnailPhoto title uid uidNumber unicodePwd unixUserPassword url
userAccountControl userCertificate userPassword userPKCS12 userPrincipalName userSMIMECertificate uSNChanged
uSNCreated whenChanged whenCreated wWWHomePage x121Address x500UniqueIdentifier
`
  .trim()
  .split(/\s+/);
