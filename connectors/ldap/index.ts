/** People, from an LDAP directory: OpenLDAP, Active Directory, or another server that speaks LDAP 3. */
import { connector } from '../../src/contract/index.ts';
import { checkDirectory } from './check.ts';
import { knownAttributes } from './known-attributes.ts';
import { lookupUsers, readUsers } from './read.ts';
import { settings } from './settings.ts';
import { isPerson } from './vendors.ts';

export default connector({
  name: 'ldap',
  summary: 'People from OpenLDAP, Active Directory or another LDAP directory.',
  version: 1,
  settings,
  network: 'From Sluice to the directory: TCP 636 (ldaps://), or 389 (ldap:// with StartTLS).',
  permission: 'A read-only account that sees the attributes below of the people below the base DN, and nothing else.',
  knownFields: knownAttributes,
  check: checkDirectory,
  streams: {
    users: {
      key: ['entryUUID', 'objectGUID'],
      match: { 'directory-id': ['entryUUID', 'objectGUID'], email: 'mail' },
      decide: {
        objectClass: 'Tells people from computers, groups and contacts.',
        userAccountControl: 'Tells disabled accounts and those of machines (Active Directory).',
      },
      keep: {
        given_name: 'givenName',
        family_name: 'sn',
        email: 'mail',
        phone: 'telephoneNumber',
        job_title: 'title',
        department: ['department', 'departmentNumber'],
      },
      inScope: ({ objectClass, userAccountControl }) => isPerson(objectClass, userAccountControl),
      resumable: false,
      asksAhead: true,
      incremental: false,
      read: readUsers,
      lookup: lookupUsers,
    },
  },
});
