import { escapeValue } from './ldap/dn.ts';
import type { Attributes } from './ldap/entry.ts';
import type { PersonName } from './names.ts';

export const baseDn = 'dc=acme,dc=example';
export const peopleDn = `ou=people,${baseDn}`;

/** An employee as personnel knows them: what a directory entry is written from. */
export interface Employee {
  /** The entryUUID: stays when everything else changes. */
  readonly uuid: string;
  readonly name: PersonName;
  /** Account name: part of the DN and of the address. */
  readonly account: string;
  /** Absent: an employee without a mailbox. */
  readonly email: string | undefined;
  readonly department: string;
  readonly title: string;
  readonly phone: string | undefined;
  readonly kind: 'employee' | 'contractor';
  /** When the account was disabled; absent while it works. */
  readonly disabledAt?: string;
  /** Came with a company that was bought: named by its own habits, in its own branch. */
  readonly acquired: boolean;
  readonly hiredAt: string;
  readonly changedAt: string;
  /** What the directory also knows and nobody here needs. */
  readonly privateFields: Attributes;
}

/** An entry of the directory, before it is a stored one. */
export interface DirectoryEntry {
  readonly uuid: string;
  readonly dn: string;
  readonly attributes: Attributes;
}

export function dnOf(employee: Employee): string {
  if (!employee.acquired) return `uid=${employee.account},${peopleDn}`;
  const { family, given } = employee.name;
  return `cn=${escapeValue(`${family}, ${given} (${employee.account})`)},ou=northwind,${peopleDn}`;
}

/**
 * Names in another script also stand there in Latin letters, under the option `lang-en` (RFC 3866). A disabled account
 * carries OpenLDAP's password policy mark for "locked for good" (draft-behera-ldap-password-policy 5.3.3).
 */
export function entryOf(employee: Employee): DirectoryEntry {
  const { name } = employee;
  const dn = dnOf(employee);
  const common = employee.acquired
    ? `${name.family}, ${name.given} (${employee.account})`
    : `${name.given} ${name.family}`;
  const attributes: Record<string, Attributes[string]> = {
    objectClass: ['top', 'person', 'organizationalPerson', 'inetOrgPerson'],
    cn: [common],
    sn: [name.family],
    givenName: [name.given],
    displayName: [`${name.given} ${name.family}`],
    uid: [employee.account],
    employeeType: [employee.kind],
    title: [employee.title],
    departmentNumber: [employee.department],
    ou: [employee.department],
    preferredLanguage: [name.language],
    ...employee.privateFields,
    ...operational(dn, employee.uuid, 'inetOrgPerson', employee.hiredAt, employee.changedAt),
  };
  if (name.transcribed) {
    attributes['cn;lang-en'] = [`${name.givenRoman} ${name.familyRoman}`];
    attributes['sn;lang-en'] = [name.familyRoman];
    attributes['givenName;lang-en'] = [name.givenRoman];
  }
  if (employee.email) attributes.mail = [employee.email];
  if (employee.phone) attributes.telephoneNumber = [employee.phone];
  if (employee.disabledAt) attributes.pwdAccountLockedTime = ['000001010000Z'];
  return { uuid: employee.uuid, dn, attributes };
}

/** What the server keeps about every entry by itself (RFC 4512 3.4, RFC 4530). */
export function operational(
  dn: string,
  uuid: string,
  structural: string,
  createdAt: string,
  changedAt: string,
): Attributes {
  return {
    structuralObjectClass: [structural],
    entryUUID: [uuid],
    entryDN: [dn],
    createTimestamp: [createdAt],
    modifyTimestamp: [changedAt],
    subschemaSubentry: ['cn=Subschema'],
  };
}

/** GeneralizedTime to the second, as directories write it. */
export function generalizedTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
}
