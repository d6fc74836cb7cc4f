import { baseDn, type DirectoryEntry, dnOf, type Employee, entryOf, operational, peopleDn } from './employee.ts';
import type { Attributes } from './ldap/entry.ts';
import { inventUuid, mailDomain } from './people.ts';
import type { Random } from './random.ts';

const madeAt = '20120102080000Z';
const personClasses = ['top', 'person', 'organizationalPerson', 'inetOrgPerson'];

export const readerDn = `cn=reader,${baseDn}`;

/** The branches of the tree and the account that reads it; first, because an entry needs its parent. */
export function branches(random: Random): DirectoryEntry[] {
  const branch = (dn: string, ou: string) =>
    entry(random, dn, 'organizationalUnit', { objectClass: ['top', 'organizationalUnit'], ou: [ou] });
  return [
    entry(random, baseDn, 'organization', {
      objectClass: ['top', 'dcObject', 'organization'],
      dc: ['acme'],
      o: ['Acme B.V.'],
    }),
    branch(peopleDn, 'people'),
    branch(`ou=northwind,${peopleDn}`, 'northwind'),
    branch(`ou=groups,${baseDn}`, 'groups'),
    branch(`ou=rooms,${baseDn}`, 'rooms'),
    entry(random, readerDn, 'organizationalRole', {
      objectClass: ['top', 'organizationalRole', 'simpleSecurityObject'],
      cn: ['reader'],
      description: ['Reads people for the booking platform; may not write.'],
    }),
  ];
}

/** What sits between the people of a real directory, and looks like them to a filter. */
export function junkEntries(
  random: Random,
  employees: readonly Employee[],
  users: ReadonlySet<string>,
): DirectoryEntry[] {
  const posing = (uid: string, name: string, more: Attributes): DirectoryEntry =>
    entry(random, `uid=${uid},${peopleDn}`, 'inetOrgPerson', {
      objectClass: personClasses,
      uid: [uid],
      cn: [name],
      sn: [name],
      ...more,
    });
  const mailbox = (uid: string, name: string) =>
    posing(uid, name, { mail: [`${uid}@${mailDomain}`], description: ['Shared mailbox.'] });
  const service = (uid: string, name: string) =>
    posing(uid, name, { employeeType: ['service'], userPassword: ['{SSHA}c2VydmljZSBhY2NvdW50'] });
  const room = (uid: string, name: string) =>
    posing(uid, name, {
      mail: [`${uid}@${mailDomain}`],
      employeeType: ['room'],
      physicalDeliveryOfficeName: ['Amsterdam'],
    });
  return [
    mailbox('info', 'Information Desk'),
    mailbox('invoices', 'Invoices'),
    mailbox('jobs', 'Jobs at Acme'),
    service('svc-backup', 'Backup Service'),
    service('svc-print', 'Print Server'),
    service('svc-monitor', 'Monitoring'),
    room('room-vermeer', 'Room Vermeer (8)'),
    room('room-hopper', 'Room Hopper (12)'),
    room('room-noether', 'Room Noether (4)'),
    posing('test.user', 'Test User', { givenName: ['Test'], mail: ['mailto:test.user@@acme.example'] }),
    posing('scan-2f', 'Scanner 2nd floor', { telephoneNumber: ['4711 (internal)'], mail: ['scan-2f'] }),
    ...ownedTwice(random, employees, users),
    ...groups(random, employees),
  ];
}

/** An old account of one user, never removed, with the same address: nobody can say which of the two is right. */
function ownedTwice(random: Random, employees: readonly Employee[], users: ReadonlySet<string>): DirectoryEntry[] {
  const twice = employees.filter((one) => users.has(one.uuid)).at(-1);
  if (!twice) return [];
  const account = `${twice.account}-old`;
  return [entryOf({ ...twice, uuid: inventUuid(random), account, title: 'Trainee', acquired: false })];
}

function groups(random: Random, employees: readonly Employee[]): DirectoryEntry[] {
  const departments = new Map<string, string[]>();
  for (const employee of employees) {
    const members = departments.get(employee.department) ?? [];
    members.push(dnOf(employee));
    departments.set(employee.department, members);
  }
  return [...departments].map(([department, member]) =>
    entry(random, `cn=${department},ou=groups,${baseDn}`, 'groupOfNames', {
      objectClass: ['top', 'groupOfNames'],
      cn: [department],
      member,
    }),
  );
}

function entry(random: Random, dn: string, structural: string, attributes: Attributes): DirectoryEntry {
  const uuid = inventUuid(random);
  return { uuid, dn, attributes: { ...attributes, ...operational(dn, uuid, structural, madeAt, madeAt) } };
}
