/**
 * A real OpenLDAP server for tests: a child on free loopback ports with its own temporary folder.
 *
 *     const slapd = await startSlapd({ ldif: person({ uid: 'ada', sn: 'Lovelace' }) });
 *     …slapd.url, slapd.readerDn, slapd.password, slapd.baseDn…
 *     slapd.searches();                  // each search it served, with the attributes that were asked for
 *     await slapd.modify(ldif);          // ldapmodify as administrator; `-a` LDIF works too (changetype: add)
 *     await slapd.stop();
 *
 * The tree is dc=acme,dc=example with ou=people and ou=services. Accounts, all with `password`: `readerDn` sees
 * everything but passwords, without size limit; `nosyDn` sees passwords too; `limitedDn` gets at most 100 entries.
 * With `tls` it also serves LDAPS and StartTLS with that key and certificate. `ldif` (text) or `ldifFile` (a path, for
 * large trees) is loaded with slapadd; `config` joins the database section of slapd.conf, before its access rules.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, listening, run, startChild } from './child.ts';

export interface SlapdOptions {
  ldif?: string;
  ldifFile?: string;
  config?: string;
  tls?: { key: string; cert: string };
}

export interface Slapd {
  readonly port: number;
  readonly tlsPort: number;
  /** `ldap://127.0.0.1:PORT` */
  readonly url: string;
  /** `ldaps://127.0.0.1:PORT` */
  readonly tlsUrl: string;
  readonly baseDn: string;
  readonly readerDn: string;
  readonly nosyDn: string;
  readonly limitedDn: string;
  readonly adminDn: string;
  readonly password: string;
  readonly pid: number;
  searches(): { base: string; filter: string; attributes: string[] }[];
  modify(ldif: string): Promise<void>;
  /** ldapsearch as `readerDn`, paged, LDIF without comments and line folding. */
  ldapsearch(filter: string, ...attributes: string[]): Promise<string>;
  stop(): Promise<void>;
}

export const suffix = 'dc=acme,dc=example';
export const peopleDn = `ou=people,${suffix}`;
const password = 'reader-secret';
const account = (name: string) => `cn=${name},ou=services,${suffix}`;

/** LDIF of one inetOrgPerson below ou=people; `cn` and `sn` default to the uid. Values that need it are base64. */
export function person(attributes: Record<string, string | readonly string[] | Buffer> & { uid: string }): string {
  const all = { cn: attributes.uid, sn: attributes.uid, ...attributes };
  const lines = [`dn: uid=${attributes.uid},${peopleDn}`, 'objectClass: inetOrgPerson'];
  for (const [name, values] of Object.entries(all))
    for (const value of Array.isArray(values) ? values : [values]) lines.push(ldifLine(name, value));
  return `${lines.join('\n')}\n\n`;
}

function ldifLine(name: string, value: string | Buffer): string {
  if (typeof value === 'string' && /^[a-zA-Z0-9+(][\x20-\x7e]*$/.test(value) && !value.endsWith(' '))
    return `${name}: ${value}`;
  return `${name}:: ${Buffer.from(value).toString('base64')}`;
}

export async function startSlapd(options: SlapdOptions = {}): Promise<Slapd> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-slapd-'));
  try {
    return await startIn(folder, options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(folder: string, options: SlapdOptions): Promise<Slapd> {
  const conf = join(folder, 'slapd.conf');
  const [port, tlsPort] = [await freePort(), await freePort()];
  await mkdir(join(folder, 'data'));
  if (options.tls) {
    await writeFile(join(folder, 'tls.key'), options.tls.key, { mode: 0o600 });
    await writeFile(join(folder, 'tls.crt'), options.tls.cert);
  }
  await writeFile(conf, configuration(folder, options));
  await writeFile(join(folder, 'base.ldif'), base());
  await run('slapadd', ['-q', '-f', conf, '-l', join(folder, 'base.ldif')]);
  const ldif = options.ldifFile ?? join(folder, 'people.ldif');
  if (options.ldif) await writeFile(ldif, options.ldif);
  if (options.ldif || options.ldifFile) await run('slapadd', ['-q', '-f', conf, '-l', ldif]);
  const urls = [`ldap://127.0.0.1:${port}/`, ...(options.tls ? [`ldaps://127.0.0.1:${tlsPort}/`] : [])];
  const child = startChild('slapd', ['-f', conf, '-h', urls.join(' '), '-d', '256']);
  const client = ['-x', '-H', `ldap://127.0.0.1:${port}`, '-w', password];
  try {
    await listening(child, '127.0.0.1', port);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return {
    port,
    tlsPort,
    url: `ldap://127.0.0.1:${port}`,
    tlsUrl: `ldaps://127.0.0.1:${tlsPort}`,
    baseDn: peopleDn,
    readerDn: account('reader'),
    nosyDn: account('nosy'),
    limitedDn: account('limited'),
    adminDn: `cn=admin,${suffix}`,
    password,
    pid: child.process.pid ?? 0,
    searches: () => searchesIn(child.output()),
    modify: async (changes) => void (await run('ldapmodify', [...client, '-D', `cn=admin,${suffix}`], changes)),
    ldapsearch: (filter, ...attributes) =>
      run('ldapsearch', [
        ...['-LLL', '-o', 'ldif-wrap=no', '-E', 'pr=1000/noprompt', ...client, '-D', account('reader')],
        ...['-b', peopleDn, filter, ...attributes],
      ]),
    async stop() {
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** slapd prints `SRCH base="…" scope=2 deref=0 filter="…"` and on the next line of that operation `SRCH attr=a b c`. */
function searchesIn(output: string): { base: string; filter: string; attributes: string[] }[] {
  const found = new Map<string, { base: string; filter: string; attributes: string[] }>();
  for (const line of output.split('\n')) {
    const [, operation = '', what = ''] = /(conn=\d+ op=\d+) SRCH (.*)$/.exec(line) ?? [];
    const [, base, filter] = /^base="(.*)" scope=\d deref=\d filter="(.*)"$/.exec(what) ?? [];
    if (base !== undefined && filter !== undefined) found.set(operation, { base, filter, attributes: [] });
    if (what.startsWith('attr=')) found.get(operation)?.attributes.push(...what.slice(5).trim().split(' '));
  }
  return [...found.values()];
}

function configuration(folder: string, { config = '', tls }: SlapdOptions): string {
  return `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile ${folder}/slapd.pid
argsfile ${folder}/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
${tls ? `TLSCertificateFile ${folder}/tls.crt\nTLSCertificateKeyFile ${folder}/tls.key` : ''}
database mdb
suffix "${suffix}"
rootdn "cn=admin,${suffix}"
rootpw ${password}
directory ${folder}/data
maxsize 4294967296
index objectClass,mail,entryUUID eq
limits dn.exact="${account('reader')}" size=unlimited size.prtotal=unlimited
limits dn.exact="${account('nosy')}" size=unlimited size.prtotal=unlimited
limits dn.exact="${account('limited')}" size=100 size.prtotal=100
${config}
access to attrs=userPassword by dn.exact="${account('nosy')}" read by anonymous auth by * none
access to * by users read by * none
`;
}

function base(): string {
  const accounts = ['reader', 'nosy', 'limited'].map(
    (name) =>
      `dn: ${account(name)}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: ${name}\nuserPassword: ${password}\n`,
  );
  return [
    `dn: ${suffix}\nobjectClass: organization\nobjectClass: dcObject\no: Acme\ndc: acme\n`,
    `dn: ${peopleDn}\nobjectClass: organizationalUnit\nou: people\n`,
    `dn: ou=services,${suffix}\nobjectClass: organizationalUnit\nou: services\n`,
    ...accounts,
  ].join('\n');
}
