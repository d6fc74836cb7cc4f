/**
 * A real Active Directory domain controller (Samba) for tests, in its own temporary folder and on a loopback address
 * of its own, because its ports 389 and 636 are fixed; so it needs root. Takes about 5 s to start.
 *
 *     const samba = await startSamba({ ldif: adUser({ cn: 'Ada Lovelace', … }) });
 *     …samba.address, samba.host, samba.baseDn, samba.readerDn, samba.password…
 *     await samba.ldbsearch('(cn=*)', 'objectGUID');   // straight from its database: an independent witness
 *     await samba.stop();
 *
 * `host` is the name in its certificate (`test/support/certificates.ts`); no resolver knows it, so give the net
 * `resolve: async () => [samba.address]`. The reader may read and not write. The DC's own database refuses simple
 * binds without TLS (strongAuthRequired), as Windows does by default since 2020.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificates } from './certificates.ts';
import { type Child, listening, run, startChild } from './child.ts';

export interface Samba {
  readonly address: string;
  readonly host: string;
  /** `DC=corp,DC=example` */
  readonly baseDn: string;
  readonly readerDn: string;
  readonly password: string;
  readonly pid: number;
  /** LDIF straight from the database file, whoever may read it over LDAP. */
  ldbsearch(filter: string, ...attributes: string[]): Promise<string>;
  /** Changes the database as its administrator. */
  modify(ldif: string): Promise<void>;
  ldapsearch(filter: string, ...attributes: string[]): Promise<string>;
  stop(): Promise<void>;
}

export const adBaseDn = 'DC=corp,DC=example';
const password = 'Reader-Secret.1';

/** LDIF of a user below CN=Users; `userAccountControl` defaults to an enabled account without a password. */
export function adUser(attributes: Record<string, string> & { cn: string }): string {
  const all = { sAMAccountName: attributes.cn.replaceAll(/\W/g, ''), userAccountControl: '544', ...attributes };
  const lines = Object.entries(all).map(([name, value]) => `${name}:: ${Buffer.from(value).toString('base64')}`);
  return `dn: CN=${attributes.cn},CN=Users,${adBaseDn}\nchangetype: add\nobjectClass: user\n${lines.join('\n')}\n\n`;
}

export async function startSamba(options: { ldif?: string } = {}): Promise<Samba> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-samba-'));
  try {
    return await startIn(folder, options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(folder: string, { ldif = '' }: { ldif?: string }): Promise<Samba> {
  const conf = join(folder, 'etc/smb.conf');
  const database = join(folder, 'private/sam.ldb');
  const address = `127.${77 + (process.pid % 100)}.${1 + Math.floor(Math.random() * 250)}.${1 + Math.floor(Math.random() * 250)}`;
  const provision = ['domain', 'provision', `--targetdir=${folder}`, '--realm=CORP.EXAMPLE', '--domain=CORP'];
  const shape = ['--server-role=dc', '--dns-backend=NONE', '--host-name=dc1', `--host-ip=${address}`];
  // Extended attributes in a file: not every file system of a test machine has them.
  const files = ['vfs objects = dfs_samba4 acl_xattr xattr_tdb', `xattr_tdb:file=${folder}/xattr.tdb`];
  await run('samba-tool', [
    ...provision,
    ...shape,
    '--adminpass=Admin-Secret.1',
    ...files.map((file) => `--option=${file}`),
  ]);
  await run('samba-tool', ['user', 'create', 'reader', password, '-H', database, '-s', conf]);
  const key = join(folder, 'tls.key');
  await writeFile(key, certificates.valid.key, { mode: 0o600 });
  await writeFile(join(folder, 'tls.crt'), certificates.valid.cert);
  await writeFile(join(folder, 'ca.crt'), certificates.authority);
  const modify = async (changes: string) => {
    await writeFile(join(folder, 'changes.ldif'), changes);
    await run('ldbmodify', ['-H', database, `--configfile=${conf}`, join(folder, 'changes.ldif')]);
  };
  if (ldif) await modify(ldif);
  const options = [
    ...[
      'server services = ldap',
      `interfaces = ${address}/8`,
      'bind interfaces only = yes',
      `log file = ${folder}/log`,
    ],
    ...[`pid directory = ${folder}`, `ncalrpc dir = ${folder}/ncalrpc`, `ntp signd socket directory = ${folder}/ntp`],
    ...[`tls keyfile = ${key}`, `tls certfile = ${folder}/tls.crt`, `tls cafile = ${folder}/ca.crt`],
  ];
  const child: Child = startChild('samba', [
    '-s',
    conf,
    '-i',
    '-M',
    'single',
    ...options.map((one) => `--option=${one}`),
  ]);
  try {
    await listening(child, address, 636, 20_000);
  } catch (error) {
    await child.stop();
    throw error;
  }
  const readerDn = `CN=reader,CN=Users,${adBaseDn}`;
  return {
    address,
    host: 'source.example',
    baseDn: adBaseDn,
    readerDn,
    password,
    pid: child.process.pid ?? 0,
    ldbsearch: (filter, ...attributes) =>
      run('ldbsearch', ['-H', database, `--configfile=${conf}`, '-b', adBaseDn, filter, ...attributes]),
    modify,
    ldapsearch: (filter, ...attributes) =>
      run('env', [
        ...['LDAPTLS_REQCERT=never', 'ldapsearch', '-L', '-o', 'ldif-wrap=no', '-E', 'pr=500/noprompt', '-x'],
        ...['-H', `ldaps://${address}`, '-D', readerDn, '-w', password, '-b', adBaseDn, filter, ...attributes],
      ]),
    async stop() {
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
