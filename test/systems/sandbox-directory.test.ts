import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type SandboxDirectory, startSandboxDirectory } from '../../src/sandbox/directory.ts';
import { certificates } from '../support/certificates.ts';
import { type Child, freePort, listening, startChild } from '../support/child.ts';
import { programPath, requires } from '../support/requires.ts';

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly error: string;
}

/** Runs one of OpenLDAP's own client programs, which know nothing of ours. */
function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const options = { timeout: 20_000, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } };
    execFile(program, args, options, (error, out, complaint) => {
      if (error && typeof error.code !== 'number') return reject(error);
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, out, error: complaint });
    });
  });
}

describe('the sandbox directory, seen by OpenLDAP’s ldapsearch', () => {
  let directory: SandboxDirectory;
  let folder = '';
  const signedIn = () => [
    '-x',
    '-LLL',
    '-o',
    'ldif-wrap=no',
    '-H',
    directory.url,
    '-D',
    directory.bindDn,
    '-w',
    directory.bindPassword,
  ];
  const find = (...args: string[]) => run('ldapsearch', [...signedIn(), '-b', directory.baseDn, ...args]);
  const values = (out: string, attribute: string) =>
    [...out.matchAll(new RegExp(`^${attribute}(::?) (.*)$`, 'gm'))].map(([, kind, value = '']) =>
      kind === '::' ? Buffer.from(value, 'base64').toString('utf8') : value,
    );

  before(async function () {
    requires(this, 'ldapsearch');
    folder = await mkdtemp(join(tmpdir(), 'sluice-ldap-'));
    await writeFile(join(folder, 'ca.pem'), certificates.authority);
  });
  after(async () => {
    if (folder) await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    directory = await startSandboxDirectory({ seed: 21, password: 'secret' });
  });
  afterEach(() => directory.stop());

  for (const size of [1, 7, 50, 1000]) {
    it(`gives each entry once in pages of ${size}`, async () => {
      const { status, out } = await find('-E', `pr=${size}/noprompt`, '(objectClass=*)', 'entryUUID');
      expect(status).to.equal(0);
      expect(values(out, 'entryUUID')).to.deep.equal(directory.entries().map((entry) => entry.uuid));
    });
  }

  it('sends every name and value as it has them', async () => {
    const { out } = await find('-E', 'pr=100/noprompt', '(objectClass=inetOrgPerson)', 'cn', 'jpegPhoto');
    const people = directory.entries().filter((entry) => entry.attributes.objectClass?.includes('inetOrgPerson'));
    expect(values(out, 'dn')).to.deep.equal(people.map((entry) => entry.dn));
    expect(values(out, 'cn')).to.deep.equal(people.flatMap((entry) => entry.attributes.cn ?? []));
    const photos = [...out.matchAll(/^jpegPhoto:: (.*)$/gm)].map(([, value]) => value);
    const sent = people.flatMap((entry) => entry.attributes.jpegPhoto ?? []);
    expect(photos).to.deep.equal(sent.map((photo) => Buffer.from(photo).toString('base64')));
  });

  it('sends no attribute that was not asked for, and operational ones only when they were', async () => {
    const names = (out: string) => [...new Set([...out.matchAll(/^([\w;-]+):/gm)].map(([, name]) => name))].sort();
    expect(names((await find('(uid=*)', 'mail', 'title')).out)).to.deep.equal(['dn', 'mail', 'title']);
    expect(names((await find('(uid=info)')).out)).to.not.include('entryUUID');
    expect(names((await find('(uid=info)', '+')).out))
      .to.include('entryUUID')
      .and.not.include('mail');
    const typesOnly = await find('-A', '(uid=info)', 'mail', 'sn');
    expect(typesOnly.out.trim().split('\n').slice(1)).to.have.members(['mail:', 'sn:']);
    expect(directory.searches().at(-1)).to.deep.include({ attributes: ['mail', 'sn'], typesOnly: true });
  });

  it('understands filters as OpenLDAP writes them', async () => {
    const count = async (filter: string) => values((await find(filter, '1.1')).out, 'dn').length;
    expect(await count('(&(uid=info)(objectClass=person))')).to.equal(1);
    expect(await count('(cn=Inf*Desk)')).to.equal(1);
    expect(await count('(cn=Room Vermeer \\288\\29)')).to.equal(1);
    expect(await count('(!(noSuchAttribute=1))')).to.equal(0);
    const greek = directory.entries().filter((entry) => /^Π/.test(String(entry.attributes.sn?.[0])));
    expect(greek.length).to.be.above(0);
    expect(await count('(sn=π*)')).to.equal(greek.length);
    expect(directory.searches().at(-1)?.filter).to.equal('(sn=π*)');
  });

  it('says why not: wrong password 49, no password 53, no bind 8, no such base 32, too many 4', async () => {
    const as = (...who: string[]) =>
      run('ldapsearch', ['-x', '-H', directory.url, ...who, '-b', directory.baseDn, '-s', 'base']);
    expect((await as('-D', directory.bindDn, '-w', 'wrong')).status).to.equal(49);
    expect((await as('-D', directory.bindDn, '-w', '')).status).to.equal(53);
    expect((await as()).status).to.equal(8);
    expect((await find('-b', 'ou=nobody,dc=acme,dc=example')).status).to.equal(32);
    const limited = await find('-z', '10', '(uid=*)', '1.1');
    expect([limited.status, values(limited.out, 'dn').length]).to.deep.equal([4, 10]);
  });

  it('says who one is, and refuses controls and writes it cannot do', async () => {
    const connection = ['-x', '-H', directory.url, '-D', directory.bindDn, '-w', directory.bindPassword];
    expect((await run('ldapwhoami', connection)).out.trim()).to.equal(`dn:${directory.bindDn}`);
    expect((await find('-E', '!1.2.840.113556.1.4.841=::MAUCAQACAQAEAA==', '(uid=info)')).status).to.equal(12);
    expect((await run('ldapdelete', [...connection, 'uid=info,ou=people,dc=acme,dc=example'])).status).to.equal(50);
  });

  it('describes itself: root DSE without a bind, schema with every attribute it sends', async () => {
    const dse = await run('ldapsearch', ['-x', '-LLL', '-H', directory.url, '-b', '', '-s', 'base', '*', '+']);
    expect(values(dse.out, 'vendorName')).to.deep.equal(['Sluice sandbox']);
    expect(values(dse.out, 'namingContexts')).to.deep.equal([directory.baseDn]);
    const schema = await run('ldapsearch', [
      ...signedIn(),
      '-b',
      'cn=Subschema',
      '-s',
      'base',
      '(objectClass=subschema)',
      'attributeTypes',
    ]);
    const described = values(schema.out, 'attributeTypes').join('\n');
    const sent = new Set(directory.entries().flatMap((entry) => Object.keys(entry.attributes)));
    for (const name of sent) expect(described).to.include(`'${name.split(';')[0]}'`);
  });

  it('speaks TLS and StartTLS to a client that verifies', async () => {
    const env = { LDAPTLS_CACERT: join(folder, 'ca.pem'), LDAPTLS_REQCERT: 'demand' };
    for (const mode of ['ldaps', 'starttls'] as const) {
      await directory.stop();
      directory = await startSandboxDirectory({ seed: 21, password: 'secret', tls: { ...certificates.valid, mode } });
      const upgrade = mode === 'starttls' ? ['-ZZ'] : [];
      const found = await run(
        'ldapsearch',
        [...signedIn(), ...upgrade, '-b', directory.baseDn, '-E', 'pr=100/noprompt', '(objectClass=*)', '1.1'],
        env,
      );
      expect(found.error).to.equal('');
      expect(values(found.out, 'dn')).to.have.length(directory.entries().length);
    }
  });
});

describe('the sandbox directory, beside a slapd that holds the same entries', () => {
  let directory: SandboxDirectory;
  let slapd: Child | undefined;
  let slapdUrl: string;
  let folder = '';

  before(async function () {
    requires(this, 'slapd', 'slapadd', 'ldapsearch');
    directory = await startSandboxDirectory({ seed: 21, password: 'secret', people: 120 });
    folder = await mkdtemp(join(tmpdir(), 'sluice-slapd-'));
    await mkdir(join(folder, 'db'));
    await writeFile(join(folder, 'slapd.conf'), slapdConfiguration(folder, directory));
    await writeFile(join(folder, 'in.ldif'), asLdif(directory));
    const loaded = await run(programPath('slapadd') ?? 'slapadd', [
      '-q',
      '-f',
      join(folder, 'slapd.conf'),
      '-l',
      join(folder, 'in.ldif'),
    ]);
    expect(loaded.status, loaded.error).to.equal(0);
    const port = await freePort();
    slapdUrl = `ldap://127.0.0.1:${port}`;
    slapd = startChild('slapd', ['-f', join(folder, 'slapd.conf'), '-h', slapdUrl, '-d', '0']);
    await listening(slapd, '127.0.0.1', port);
  });
  after(async () => {
    await directory?.stop();
    await slapd?.stop();
    if (folder) await rm(folder, { recursive: true });
  });

  const searches: readonly (readonly string[])[] = [
    ['(objectClass=*)'],
    ['(objectClass=person)', '1.1'],
    ['(objectClass=inetOrgPerson)', 'entryUUID', 'mail', 'givenName', 'sn', 'title', 'pwdAccountLockedTime'],
    ['-A', '(uid=*)', 'mail', 'jpegPhoto'],
    ['(uid=info)', 'entryUUID', 'createTimestamp', 'structuralObjectClass', 'entryDN', 'subschemaSubentry'],
    ['(uid=*)', 'name'],
    ['(uid=*)', 'SURNAME', 'sn;lang-en', 'nothingLikeThis'],
    ['(uid=*)', 'cn;lang-en'],
    ['(name=*er*)', 'name'],
    ['(sn;lang-en=*)', '1.1'],
    ['(sn=*a*)', '1.1'],
    ['(cn=INFORMATION  desk)', '1.1'],
    ['(cn=room*(*)', '1.1'],
    ['(mail=*@ACME.example)', '1.1'],
    ['(telephoneNumber=+31-20-555*)', '1.1'],
    ['(employeeType=contractor)', '1.1'],
    ['(!(employeeType=contractor))', '1.1'],
    ['(!(bogus=1))', '1.1'],
    ['(|(bogus=1)(!(mail=*)))', '1.1'],
    ['(&(!(bogus=1))(uid=*))', '1.1'],
    ['(&)', '1.1'],
    ['(|)', '1.1'],
    ['(pwdAccountLockedTime=*)', '1.1'],
    ['(modifyTimestamp>=20200101000000Z)', '1.1'],
    ['(modifyTimestamp<=20200101000000Z)', '1.1'],
    ['(title>=M)', '1.1'],
    ['(title:caseExactMatch:=Planner)', '1.1'],
    ['(title:=planner)', '1.1'],
    ['(userAccountControl:1.2.840.113556.1.4.803:=2)', '1.1'],
    ['(jpegPhoto=*)', '1.1'],
    ['(userPassword=*)', '1.1'],
    ['(member=UID=nobody, ou=people,dc=acme,dc=example)', '1.1'],
    ['(entryUUID=not-a-uuid)', '1.1'],
    ['-s', 'one', '(objectClass=*)', '1.1'],
    ['-s', 'base', '(objectClass=*)', '*', 'entryUUID'],
    ['-b', 'OU=People, dc=acme,dc=EXAMPLE', '-s', 'one', '(objectClass=*)', '1.1'],
    ['-b', 'ou=nobody,ou=people,dc=acme,dc=example', '(objectClass=*)'],
    ['-b', 'no DN at all', '(objectClass=*)'],
    ['-z', '10', '(uid=*)', '1.1'],
    ['-z', '10', '-E', 'pr=4/noprompt', '(uid=*)', '1.1'],
    ['-z', '10', '-E', 'pr=20/noprompt', '(uid=*)', '1.1'],
    ['-E', '!1.2.840.113556.1.4.841=::MAUCAQACAQAEAA==', '(uid=info)'],
    ['-E', 'pr=7/noprompt', '(objectClass=person)', 'uid'],
  ];
  for (const search of searches) {
    it(`answers ${search.join(' ')} as slapd does`, async () => {
      const ask = (url: string) =>
        run('ldapsearch', [
          '-x',
          '-LLL',
          '-o',
          'ldif-wrap=no',
          '-H',
          url,
          '-D',
          directory.bindDn,
          '-w',
          'secret',
          '-b',
          directory.baseDn,
          ...search,
        ]);
      const [ours, theirs] = [await ask(directory.url), await ask(slapdUrl)];
      expect(ours.status).to.equal(theirs.status);
      const [sent, wanted] = [entriesOf(ours.out), entriesOf(theirs.out)];
      expect(sent).to.have.length(wanted.length);
      if (ours.status !== 4) expect(sent).to.deep.equal(wanted);
    });
  }
});

/** The entries and their lines, sorted: in what order they come means nothing, and slapd's follows the tree. */
function entriesOf(ldif: string): string[] {
  const lines = (entry: string) => entry.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const entries = ldif.split('\n\n').map((entry) => lines(entry).sort().join('\n'));
  return entries.filter((entry) => entry !== '').sort();
}

function slapdConfiguration(folder: string, { baseDn, bindDn }: SandboxDirectory): string {
  return `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
require authc
database mdb
suffix "${baseDn}"
directory ${join(folder, 'db')}
overlay ppolicy
access to attrs=userPassword by * auth
access to * by dn.exact="${bindDn}" read by * none
`;
}

/** What slapd may be told of an entry: all but what it works out by itself. */
function asLdif(directory: SandboxDirectory): string {
  const base64 = (value: string | Buffer) => Buffer.from(value as string).toString('base64');
  const computed = new Set(['entryDN', 'subschemaSubentry']);
  return directory
    .entries()
    .map(({ dn, attributes }) => {
      const lines = Object.entries(attributes)
        .filter(([name]) => !computed.has(name))
        .flatMap(([name, values]) => values.map((value) => `${name}:: ${base64(value)}`));
      if (dn === directory.bindDn) lines.push(`userPassword: ${directory.bindPassword}`);
      return [`dn:: ${base64(dn)}`, ...lines, ''].join('\n');
    })
    .join('\n');
}
