import { type Clock, systemClock } from '../base/clock.ts';
import { type ChangeKind, Life } from './changes.ts';
import { type CompanyOptions, foundCompany } from './company.ts';
import { baseDn, type DirectoryEntry, dnOf, type Employee, entryOf } from './employee.ts';
import { readerDn } from './junk.ts';
import { parseName } from './ldap/dn.ts';
import { type Entry, makeEntry } from './ldap/entry.ts';
import { type ListenerTls, listen } from './ldap/listener.ts';
import { oid } from './ldap/message.ts';
import { attributeTypeDefinitions } from './ldap/schema.ts';
import type { Asked } from './ldap/session.ts';
import { Tree } from './ldap/tree.ts';

export interface SandboxDirectoryOptions extends CompanyOptions {
  /** Default: any free one. */
  readonly port?: number;
  /** Of the account that reads. */
  readonly password: string;
  readonly tls?: ListenerTls;
  /** Most entries of an unpaged search; default 500, as OpenLDAP's. */
  readonly sizeLimit?: number;
  /** Lets the reader see userPassword: the mistake that a check should find. Default false. */
  readonly readablePasswords?: boolean;
  readonly clock?: Clock;
}

export interface Change {
  readonly kind: ChangeKind;
  readonly uuid: string;
  readonly dn: string;
  readonly email: string | undefined;
  /** Where they differ from what they are now: after a rename. */
  readonly formerDn?: string;
  readonly formerEmail?: string;
  /** Whether it happened to one of those who log on. */
  readonly ofUser: boolean;
}

export interface SandboxDirectory {
  readonly url: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  readonly baseDn: string;
  /** Everything it holds at this moment, in the order of search results. */
  entries(): readonly DirectoryEntry[];
  /** Lets one small thing happen: of this kind if given (and if anybody is left for it), else of a likely one. */
  change(kind?: ChangeKind): Change;
  /** Adds an entry, or replaces the one with its UUID, under whatever name. */
  put(entry: DirectoryEntry): void;
  /** Takes the entry with this UUID out. */
  remove(uuid: string): void;
  /** The last 1,000 searches, oldest first. */
  searches(): readonly Asked[];
  stop(): Promise<void>;
}

const keptSearches = 1000;

/**
 * A live LDAP directory on loopback, which to a client is an OpenLDAP with one database: LDAPv3 simple bind, schema,
 * three-valued filters, RFC 2696 paging, "Who am I?", StartTLS. It is written against the RFCs and not with an LDAP
 * library, so that a mistake which client and server share cannot hide. Nothing can be written to it over LDAP.
 */
export async function startSandboxDirectory(options: SandboxDirectoryOptions): Promise<SandboxDirectory> {
  const { password, tls, clock = systemClock } = options;
  const company = foundCompany(options);
  const life = new Life(company, options.seed);
  const tree = new Tree();
  const byUuid = new Map<string, { told: DirectoryEntry; stored: Entry }>();
  const searches: Asked[] = [];

  const put = (told: DirectoryEntry) => {
    const stored = makeEntry(told.dn, visible(told.attributes, options.readablePasswords ?? false));
    tree.put(stored, byUuid.get(told.uuid)?.stored);
    byUuid.set(told.uuid, { told, stored });
  };
  for (const entry of [...company.branches, ...company.employees.map(entryOf), ...company.junk]) put(entry);

  const listener = await listen(
    {
      tree,
      rootDse: rootDse(tls?.mode === 'starttls'),
      subschema: makeEntry('cn=Subschema', {
        objectClass: ['top', 'subentry', 'subschema'],
        cn: ['Subschema'],
        attributeTypes: attributeTypeDefinitions,
      }),
      account: { dn: readerDn, name: parseName(readerDn), password: Buffer.from(password, 'utf8') },
      sizeLimit: options.sizeLimit ?? 500,
      witness: (asked) => {
        searches.push(asked);
        if (searches.length > keptSearches) searches.shift();
      },
    },
    options.port ?? 0,
    tls,
  );

  return {
    url: `${tls && tls.mode !== 'starttls' ? 'ldaps' : 'ldap'}://127.0.0.1:${listener.port}`,
    bindDn: readerDn,
    bindPassword: password,
    baseDn,
    entries: () => [...byUuid.values()].map(({ told }) => told),
    change: (kind) => {
      const { kind: happened, before, after } = life.next(clock.now(), kind);
      put(entryOf(after));
      return describeChange(happened, before, after, company.users.has(after.uuid));
    },
    put,
    remove: (uuid) => {
      const one = byUuid.get(uuid);
      if (one) tree.remove(one.stored);
      byUuid.delete(uuid);
    },
    searches: () => [...searches],
    stop: () => listener.stop(),
  };
}

function describeChange(kind: ChangeKind, before: Employee | undefined, after: Employee, ofUser: boolean): Change {
  const dn = dnOf(after);
  const formerDn = before && dnOf(before);
  return {
    kind,
    uuid: after.uuid,
    dn,
    email: after.email,
    ofUser,
    ...(formerDn && formerDn !== dn ? { formerDn } : {}),
    ...(before?.email && before.email !== after.email ? { formerEmail: before.email } : {}),
  };
}

/** What the reader's permissions leave of an entry. */
function visible(attributes: DirectoryEntry['attributes'], passwords: boolean): DirectoryEntry['attributes'] {
  const { userPassword: _, ...rest } = attributes;
  return passwords ? attributes : rest;
}

function rootDse(startTls: boolean): Entry {
  return makeEntry('', {
    objectClass: ['top', 'OpenLDAProotDSE'],
    structuralObjectClass: ['OpenLDAProotDSE'],
    namingContexts: [baseDn],
    supportedControl: [oid.paged, oid.manageDsaIt],
    supportedExtension: startTls ? [oid.whoAmI, oid.startTls] : [oid.whoAmI],
    supportedFeatures: [oid.allOperationalAttributes, oid.trueFalseFilters],
    supportedLDAPVersion: ['3'],
    subschemaSubentry: ['cn=Subschema'],
    vendorName: ['Sluice sandbox'],
    vendorVersion: ['1'],
  });
}
