/**
 * What is different between directory servers, as data. Told apart by the root DSE (RFC 4512 5.1); a server that is
 * none of the known ones is read by the letter of the RFCs.
 */
import type { SourceValue } from '../../src/contract/index.ts';

/** Attributes of the root DSE that we look at; asked by name. */
export const rootAttributes = ['objectClass', 'supportedCapabilities', 'supportedExtension', 'vendorName'] as const;

export type Root = Readonly<Record<(typeof rootAttributes)[number], readonly string[]>>;

export interface Vendor {
  readonly name: string;
  /** The attribute that names an entry for good. */
  readonly key: 'entryUUID' | 'objectGUID';
  /** Which entries are people, unless the connection's `filter` says otherwise. */
  readonly filter: string;
  /** Attributes in our declaration that this server's standard schema does not have: asking is pointless. */
  readonly lacks: readonly string[];
  /** Shows that an account is disabled, and must be readable to know it. */
  readonly account?: string;
  /**
   * Whether `not` may be pushed into the server's filter. Not where the server compares more loosely than the
   * gate (Active Directory ignores accents): it would leave out people whom the scope includes.
   */
  readonly pushesNot: boolean;
  /** Attributes nobody should see who only reads names; being able to is `too-much`. */
  readonly secrets: readonly string[];
  /** Private attributes Sluice never asks for. */
  readonly private: readonly string[];
  /** What it means that private attributes are readable: an access rule to tighten, or the product's default. */
  readonly privateReadable: 'too-much' | 'note';
  /** Where to raise the number of entries a search may return. */
  readonly sizeLimitFix: string;
  /** How to let the account read. */
  readonly readFix: string;
}

const secrets = ['userPassword', 'sambaNTPassword', 'sambaLMPassword', 'krbPrincipalKey', 'krbPrincipalKeySet'];
const personal = ['homePhone', 'homePostalAddress', 'jpegPhoto', 'carLicense'];

const openLdap: Vendor = {
  name: 'OpenLDAP',
  key: 'entryUUID',
  filter: '(objectClass=inetOrgPerson)',
  lacks: ['objectGUID', 'userAccountControl', 'department'],
  pushesNot: true,
  secrets,
  private: personal,
  privateReadable: 'too-much',
  sizeLimitFix: 'give the account `limits dn.exact="…" size=unlimited size.prtotal=unlimited` in slapd',
  readFix: 'grant it read in an access rule (`olcAccess`)',
};

const activeDirectory: Vendor = {
  name: 'Active Directory',
  key: 'objectGUID',
  filter: '(&(objectCategory=person)(objectClass=user))',
  lacks: ['entryUUID'],
  account: 'userAccountControl',
  pushesNot: false,
  secrets: ['userPassword', 'unixUserPassword', 'msSFU30Password', 'sambaNTPassword'],
  private: [...personal, 'thumbnailPhoto', 'info'],
  privateReadable: 'note',
  sizeLimitFix: 'allow paged results for the account, or lower `page_size` to the domain’s MaxPageSize',
  readFix: 'grant it List contents and Read all properties of user objects below the base DN',
};

const other: Vendor = {
  ...openLdap,
  name: 'an LDAP server',
  lacks: ['objectGUID', 'userAccountControl'],
  pushesNot: false,
  sizeLimitFix: 'raise the server’s size limit for the account',
  readFix: 'grant it read in the server’s access rules',
};

/** LDAP_CAP_ACTIVE_DIRECTORY_OID (MS-ADTS 3.1.1.3.4.3.1); Samba announces it too. */
const activeDirectoryCapability = '1.2.840.113556.1.4.800';

export function vendorOf(root: Root): Vendor {
  if (root.supportedCapabilities.includes(activeDirectoryCapability)) return activeDirectory;
  if (root.objectClass.some((name) => name.toLowerCase() === 'openldaprootdse')) return openLdap;
  return other;
}

/** Of what may be asked, what this server has. */
export function attributesOf(vendor: Vendor, fields: readonly string[]): string[] {
  const lacks = new Set(vendor.lacks.map((name) => name.toLowerCase()));
  return fields.filter((field) => !lacks.has(field.toLowerCase()));
}

/** userAccountControl (MS-ADTS 2.2.16): disabled; and accounts of domains, workstations and servers. */
const notAPersonsAccount = 0x2 | 0x800 | 0x1000 | 0x2000;

/** Classes whose entries are not people, whatever else they are: a computer is also a `user`, a contact a `person`. */
const neverAPerson = lower(['computer', 'contact', 'foreignSecurityPrincipal', 'device', 'publicFolder']);
/** Classes of groups and places; a person's entry may carry `posixGroup` beside `inetOrgPerson` (RFC 2307bis). */
const group = lower([
  ...['group', 'groupOfNames', 'groupOfUniqueNames', 'groupOfURLs', 'posixGroup'],
  ...['organizationalUnit', 'organizationalRole'],
]);

/** The connector's own scope: an enabled account of a person. What cannot be seen speaks against nobody. */
export function isPerson(objectClass: SourceValue | undefined, userAccountControl: SourceValue | undefined): boolean {
  const bits = userAccountControl ? Number([userAccountControl].flat()[0]) : 0;
  return (bits & notAPersonsAccount) === 0 && isPersonsClass(String(objectClass ?? ''));
}

// A directory has a handful of combinations of classes and a hundred thousand entries.
const judged = new Map<string, boolean>();

function isPersonsClass(listed: string): boolean {
  let person = judged.get(listed);
  if (person === undefined) {
    const classes = lower(listed.split(','));
    person =
      !neverAPerson.some((name) => classes.includes(name)) &&
      (classes.includes('inetorgperson') || !group.some((name) => classes.includes(name)));
    if (judged.size < 1_000) judged.set(listed, person);
  }
  return person;
}

function lower(names: readonly string[]): string[] {
  return names.map((name) => name.toLowerCase());
}
