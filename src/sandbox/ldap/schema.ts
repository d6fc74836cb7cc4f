/**
 * The attribute types that the sandbox directory knows (RFC 4512, 4519, 4524, 2798, 4530), with the matching rules
 * that decide how a filter compares them. A type that is not here does not exist: a filter on it is Undefined.
 */
export type Syntax = 'text' | 'telephone' | 'name' | 'uuid' | 'time' | 'octets' | 'binary';

export interface AttributeType {
  readonly oid: string;
  readonly name: string;
  readonly aliases: readonly string[];
  /** The type it is a kind of: who asks for that gets this one too. */
  readonly kindOf?: string;
  readonly syntax: Syntax;
  /** Sent only when asked for by name or with `+`. */
  readonly operational: boolean;
}

const types: readonly AttributeType[] = [
  ...user('text', [
    ['2.5.4.0', 'objectClass'],
    ['2.5.4.41', 'name'],
    ['2.5.4.3', 'cn commonName', 'name'],
    ['2.5.4.4', 'sn surname', 'name'],
    ['2.5.4.42', 'givenName gn', 'name'],
    ['2.5.4.43', 'initials', 'name'],
    ['2.5.4.7', 'l localityName', 'name'],
    ['2.5.4.10', 'o organizationName', 'name'],
    ['2.5.4.11', 'ou organizationalUnitName', 'name'],
    ['2.5.4.12', 'title', 'name'],
    ['2.5.4.13', 'description'],
    ['2.5.4.16', 'postalAddress'],
    ['2.5.4.19', 'physicalDeliveryOfficeName'],
    ['0.9.2342.19200300.100.1.1', 'uid userid'],
    ['0.9.2342.19200300.100.1.3', 'mail rfc822Mailbox'],
    ['0.9.2342.19200300.100.1.6', 'roomNumber'],
    ['0.9.2342.19200300.100.1.25', 'dc domainComponent'],
    ['0.9.2342.19200300.100.1.39', 'homePostalAddress'],
    ['2.16.840.1.113730.3.1.1', 'carLicense'],
    ['2.16.840.1.113730.3.1.2', 'departmentNumber'],
    ['2.16.840.1.113730.3.1.3', 'employeeNumber'],
    ['2.16.840.1.113730.3.1.4', 'employeeType'],
    ['2.16.840.1.113730.3.1.39', 'preferredLanguage'],
    ['2.16.840.1.113730.3.1.241', 'displayName'],
  ]),
  ...user('telephone', [
    ['2.5.4.20', 'telephoneNumber'],
    ['0.9.2342.19200300.100.1.20', 'homePhone homeTelephoneNumber'],
    ['0.9.2342.19200300.100.1.41', 'mobile mobileTelephoneNumber'],
  ]),
  ...user('name', [
    ['2.5.4.31', 'member'],
    ['0.9.2342.19200300.100.1.10', 'manager'],
  ]),
  ...user('octets', [['2.5.4.35', 'userPassword']]),
  ...user('binary', [['0.9.2342.19200300.100.1.60', 'jpegPhoto']]),
  ...operational('uuid', [['1.3.6.1.1.16.4', 'entryUUID']]),
  ...operational('time', [
    ['2.5.18.1', 'createTimestamp'],
    ['2.5.18.2', 'modifyTimestamp'],
    ['1.3.6.1.4.1.42.2.27.8.1.17', 'pwdAccountLockedTime'],
  ]),
  ...operational('name', [
    ['1.3.6.1.1.20', 'entryDN'],
    ['2.5.18.10', 'subschemaSubentry'],
    ['1.3.6.1.4.1.1466.101.120.5', 'namingContexts'],
  ]),
  ...operational('text', [
    ['2.5.21.9', 'structuralObjectClass'],
    ['2.5.21.5', 'attributeTypes'],
    ['1.3.6.1.4.1.1466.101.120.13', 'supportedControl'],
    ['1.3.6.1.4.1.1466.101.120.7', 'supportedExtension'],
    ['1.3.6.1.4.1.4203.1.3.5', 'supportedFeatures'],
    ['1.3.6.1.4.1.1466.101.120.15', 'supportedLDAPVersion'],
    ['1.3.6.1.1.4', 'vendorName'],
    ['1.3.6.1.1.5', 'vendorVersion'],
  ]),
];

function user(syntax: Syntax, rows: readonly (readonly [string, string, string?])[]): AttributeType[] {
  return rows.map((row) => declare(syntax, row, false));
}
function operational(syntax: Syntax, rows: readonly (readonly [string, string, string?])[]): AttributeType[] {
  return rows.map((row) => declare(syntax, row, true));
}
function declare(
  syntax: Syntax,
  [oid, names, kindOf]: readonly [string, string, string?],
  operational: boolean,
): AttributeType {
  const [name = '', ...aliases] = names.split(' ');
  return { oid, name, aliases, syntax, operational, ...(kindOf ? { kindOf } : {}) };
}

const byName = new Map<string, AttributeType>();
for (const type of types)
  for (const name of [type.oid, type.name, ...type.aliases]) byName.set(name.toLowerCase(), type);

/** The type by name, alias or OID, in any case. */
export function attributeType(name: string): AttributeType | undefined {
  return byName.get(name.toLowerCase());
}

/** An attribute description (RFC 4512 2.5): a type and its options, `cn;lang-el`. */
export interface Description {
  readonly type: AttributeType;
  readonly options: readonly string[];
}

export function describe(written: string): Description | undefined {
  const [name = '', ...options] = written.split(';');
  const type = attributeType(name);
  return type && { type, options: options.map((option) => option.toLowerCase()).sort() };
}

/** Whether asking for `asked` yields `held`: the same type or a kind of it, with at least those options. */
export function covers(asked: Description, held: Description): boolean {
  const kin = asked.type === held.type || asked.type.name === held.type.kindOf;
  return kin && asked.options.every((option) => held.options.includes(option));
}

/** caseIgnoreMatch, nearly (RFC 4518): compatibility forms, case and runs of spaces do not count. */
export function normaliseText(value: string): string {
  return value.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ');
}

/** The definitions that a client may read in the subschema entry (RFC 4512 4.1.2). */
export const attributeTypeDefinitions: readonly string[] = types.map(({ oid, name, aliases, kindOf, operational }) => {
  const names = [name, ...aliases].map((one) => `'${one}'`).join(' ');
  const parts = [oid, 'NAME', aliases.length > 0 ? `( ${names} )` : names];
  if (kindOf) parts.push('SUP', kindOf);
  if (operational) parts.push('USAGE directoryOperation');
  return `( ${parts.join(' ')} )`;
});
