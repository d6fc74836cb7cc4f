/**
 * A company of which every value of every person is unique, as long as a needle of a byte search must be, and random
 * enough that no compression shortens it: whatever the hub lets slip can be found and traced to its owner.
 */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { person } from '../support/slapd.ts';

export interface Marked {
  readonly email: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly uid: string;
  readonly entryUuid: string;
  readonly phone: string;
  readonly title: string;
  readonly department: string;
  /** By attribute: what the directory holds beside and nobody may ask for. */
  readonly undeclared: Readonly<Record<string, string>>;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const letters = (length: number) => Array.from(randomBytes(length), (byte) => LETTERS[byte % 26]).join('');
const name = () => `${letters(1).toUpperCase()}${letters(19)}`;
const digits = (length: number) => Array.from({ length }, () => randomInt(10)).join('');

/** Attributes of inetOrgPerson that have no business here, each with the syntax that slapd insists on. */
const undeclared: Readonly<Record<string, (uid: string) => string>> = {
  cn: name,
  displayName: name,
  initials: name,
  homePhone: () => `+32${digits(18)}`,
  mobile: () => `+33${digits(18)}`,
  pager: () => `+34${digits(18)}`,
  facsimileTelephoneNumber: () => `+35${digits(18)}`,
  homePostalAddress: () => `${name()}$${name()}`,
  postalAddress: () => `${name()}$${name()}`,
  street: name,
  l: name,
  st: name,
  o: name,
  postalCode: name,
  postOfficeBox: name,
  roomNumber: name,
  description: name,
  carLicense: name,
  employeeNumber: name,
  employeeType: name,
  businessCategory: name,
  labeledURI: () => `https://${letters(20)}.example/`,
  physicalDeliveryOfficeName: name,
  userPassword: () => letters(24),
};
export const undeclaredAttributes = [...Object.keys(undeclared), 'jpegPhoto'];

/** JFIF as far as slapd looks, and then the marker. */
const picture = (marker: string) =>
  Buffer.concat([Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'), Buffer.from(marker)]);

export function markedPeople(count: number): Marked[] {
  return Array.from({ length: count }, () => {
    const uid = letters(20);
    const others = Object.entries(undeclared).map(([attribute, make]) => [attribute, make(uid)]);
    return {
      email: `${letters(20)}@acme.example`,
      givenName: name(),
      familyName: name(),
      uid,
      entryUuid: randomUUID(),
      phone: `+31${digits(13)}`,
      title: name(),
      department: name(),
      undeclared: { ...Object.fromEntries(others), jpegPhoto: letters(40) },
    };
  });
}

/** As a directory holds them. */
export function ldifOf(people: readonly Marked[]): string {
  return people
    .map(({ email, givenName, familyName, uid, entryUuid, phone, title, department, undeclared: others }) =>
      person({
        ...others,
        jpegPhoto: picture(others.jpegPhoto!),
        uid,
        sn: familyName,
        givenName,
        mail: email,
        telephoneNumber: phone,
        title,
        departmentNumber: department,
        entryUUID: entryUuid,
      }),
    )
    .join('');
}
