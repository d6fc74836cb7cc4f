import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { NeedsAttention } from '../../src/contract/index.ts';
import { certificates } from '../support/certificates.ts';
import { netForTests } from '../support/guarded-net.ts';
import { allFields, check, lookUp, readAll, usersStream } from '../support/ldap-reading.ts';
import { requires } from '../support/requires.ts';
import { person, type Slapd, startSlapd } from '../support/slapd.ts';

const pad = (n: number) => String(n).padStart(5, '0');
const everyone = 3000;

const ldif = Array.from({ length: everyone }, (_, n) =>
  person({
    uid: `u${pad(n)}`,
    givenName: n % 3 === 0 ? `Zoë ${n}` : `Given${n}`,
    sn: n % 7 === 0 ? `Ångström-${n}` : `Family${n}`,
    mail: `u${pad(n)}@acme.example`,
    telephoneNumber: `+31 20 ${pad(n)}`,
    title: 'Engineer',
    departmentNumber: String(n % 10),
    employeeType: n % 10 === 0 ? 'contractor' : 'staff',
    homePhone: `+31 6 ${pad(n)}`,
    userPassword: `marker-password-${n}`,
    description: `marker-description-${n}`,
  }),
).join('');

describe('the ldap connector against slapd', function () {
  this.timeout(60_000);
  let slapd: Slapd;
  before(async function () {
    requires(this, 'slapd', 'slapadd', 'ldapsearch', 'ldapmodify');
    slapd = await startSlapd({ ldif, tls: certificates.valid });
  });
  after(() => slapd?.stop());

  const here = (more: object = {}) => ({ url: slapd.url, ...more });
  /** Failure sentence of a reading that must not have completed. */
  const failure = async (settings: object, net = {}) => {
    const { error, complete, records } = await readAll({ settings: here(settings), ...net });
    expect(complete, 'complete').to.equal(false);
    expect(error).to.be.instanceOf(Error);
    return { error: error as Error, records: records.length };
  };

  it('reads the same entries and values as ldapsearch', async () => {
    const reading = await readAll({ settings: here() });
    expect(reading.error).to.equal(undefined);
    expect(reading).to.include({ complete: true, pages: 3 });
    const oracle = parseLdif(await slapd.ldapsearch('(objectClass=inetOrgPerson)', ...allFields));
    expect(oracle).to.have.length(everyone);
    const read = reading.records.map((record) => JSON.stringify(Object.entries(record).map(flat).sort()));
    expect(read.sort()).to.deep.equal(
      oracle.map((entry) => JSON.stringify(Object.entries(entry).map(flat).sort())).sort(),
    );
  });

  it('asks on the wire for declared attributes only', async () => {
    const before = slapd.searches().length;
    await readAll({ settings: here() });
    const searches = slapd.searches().slice(before);
    const people = searches.filter(({ base }) => base === slapd.baseDn);
    expect(people.length).to.equal(3);
    const expected = [
      'departmentNumber',
      'entryUUID',
      'givenName',
      'mail',
      'objectClass',
      'sn',
      'telephoneNumber',
      'title',
    ];
    for (const { attributes } of people) expect([...attributes].sort()).to.deep.equal(expected);
    const root = searches.filter(({ base }) => base === '');
    expect(root.map(({ attributes }) => attributes.join(' '))).to.deep.equal([
      'objectClass supportedCapabilities supportedExtension vendorName',
    ]);
  });

  it('asks for no more than the fields it was given', async () => {
    const before = slapd.searches().length;
    await readAll({ settings: here(), fields: ['entryUUID', 'mail'] });
    const asked = slapd
      .searches()
      .slice(before)
      .filter(({ base }) => base === slapd.baseDn);
    for (const { attributes } of asked) expect(attributes).to.deep.equal(['entryUUID', 'mail']);
  });

  it('lets the server leave out whom the scope leaves out', async () => {
    const before = slapd.searches().length;
    const scope = { not: { equals: { employeeType: 'contractor' } } };
    const reading = await readAll({ settings: here(), scope, fields: [...allFields, 'employeeType'] });
    expect(reading.records).to.have.length(everyone * 0.9);
    expect(slapd.searches().slice(before).at(-1)?.filter).to.equal(
      '(&(objectClass=inetOrgPerson)(!(employeeType=contractor)))',
    );
  });

  it('reads over LDAPS with a private authority', async () => {
    const reading = await readAll({ settings: { url: slapd.tlsUrl, ca: certificates.authority }, net: netForTests() });
    expect(reading.error).to.equal(undefined);
    expect(reading.records).to.have.length(everyone);
  });

  it('reads over StartTLS with a private authority', async () => {
    const reading = await readAll({
      settings: here({ start_tls: true, ca: certificates.authority }),
      net: netForTests(),
    });
    expect(reading.error).to.equal(undefined);
    expect(reading.records).to.have.length(everyone);
  });

  for (const [how, settings] of [
    ['LDAPS', (): object => ({ url: slapd.tlsUrl })],
    ['StartTLS', (): object => ({ start_tls: true })],
  ] as const)
    for (const ca of [undefined, certificates.stranger])
      it(`refuses ${how} with ${ca ? 'another authority' : 'an authority nobody named'}, and says how to name it`, async () => {
        const { error } = await failure({ ...settings(), ca }, { net: netForTests() });
        expect(error).to.be.instanceOf(NeedsAttention);
        expect(error.message).to.match(/certificate of 127\.0\.0\.1:\d+ .*\bca\b/);
        const report = await check({ settings: here({ ...settings(), ca }), net: netForTests() });
        expect(report.findings.at(-1)).to.include({ step: 'tls', outcome: 'failed' });
      });

  for (const [what, certificate, sentence] of [
    ['an expired certificate', certificates.expired, /expired/],
    ['a certificate for another name', certificates.wrongName, /another name/],
  ] as const)
    it(`refuses ${what}`, async () => {
      const other = await startSlapd({ tls: certificate });
      try {
        const settings = { url: other.tlsUrl, ca: certificates.authority };
        const reading = await readAll({ settings, net: netForTests() });
        expect(reading.complete).to.equal(false);
        expect((reading.error as Error).message).to.match(sentence);
        const report = await check({ settings, net: netForTests() });
        expect(report.findings.map(({ step, outcome }) => `${step} ${outcome}`)).to.deep.equal([
          'name ok',
          'connection ok',
          'tls failed',
        ]);
      } finally {
        await other.stop();
      }
    });

  it('sends no password in clear unless the operator allows it', async () => {
    const { error } = await failure({}, { net: netForTests() });
    expect(error.message).to.match(/in clear: use ldaps:\/\//);
  });

  for (const [what, settings, sentence] of [
    ['a wrong password', { bind_password: 'wrong' }, /refused the sign-in: wrong `bind_dn` or `bind_password`/],
    ['an unknown account', { bind_dn: 'cn=nobody,dc=acme,dc=example' }, /refused the sign-in/],
    ['an account name that is no name', { bind_dn: 'reader' }, /knows no account by this `bind_dn`/],
    ['an empty password', { bind_password: '' }, /`bind_password` is empty/],
    ['a wrong base DN', { base_dn: 'ou=nowhere,dc=acme,dc=example' }, /has no entry ou=nowhere.*correct `base_dn`/],
    ['a base DN of another tree', { base_dn: 'dc=elsewhere' }, /`base_dn`/],
    ['a base DN that is no name', { base_dn: 'people' }, /does not take `base_dn` for a distinguished name/],
    ['a filter that is none', { filter: '(mail=' }, /`filter` is not an LDAP filter/],
    ['a server that is not there', { url: 'ldap://127.0.0.1:1' }, /refused the connection/],
  ] as const)
    it(`says what to do about ${what}, in a run and in check`, async () => {
      const { error } = await failure(settings);
      expect(error.message).to.match(sentence);
      const report = await check({ settings: here(settings) });
      expect(report.findings.at(-1)).to.include({ outcome: 'failed', sentence: error.message });
    });

  it('takes a size limit for a failure, not for the end', async () => {
    const { error, records } = await failure({ bind_dn: slapd.limitedDn, page_size: 30 });
    expect(error.message).to.match(/size limit.*size\.prtotal=unlimited/);
    expect(records).to.be.at.most(100);
  });

  it('finds people by e-mail or directory id, many at once', async () => {
    const [one] = parseLdif(await slapd.ldapsearch('(uid=u00077)', 'entryUUID'));
    const people = Array.from({ length: 120 }, (_, n) => ({ email: `U${pad(n)}@ACME.example` }));
    const before = slapd.searches().length;
    const found = await lookUp({ settings: here() }, [
      ...people,
      { email: 'nobody*@acme.example' },
      { directoryId: String(one?.entryUUID).toUpperCase(), email: 'old@acme.example' },
    ]);
    expect(found.map((record) => record.mail).sort()).to.deep.equal(
      [...people.map((_, n) => `u${pad(n)}@acme.example`), 'u00077@acme.example'].sort(),
    );
    expect(
      slapd
        .searches()
        .slice(before)
        .filter(({ base }) => base !== ''),
    ).to.have.length(3);
  });

  it('checks what it reached, as whom, and how many entries it sees, without a value on the wire', async () => {
    const { findings } = await check({ settings: here() });
    expect(findings.map(({ step, outcome }) => `${step} ${outcome}`)).to.deep.equal([
      'name ok',
      'connection ok',
      'sign-in ok',
      'permission ok',
      'permission too-much',
      'records ok',
    ]);
    const sentences = findings.map(({ sentence }) => sentence).join('\n');
    expect(sentences).to.contain(`is OpenLDAP; signed in as ${slapd.readerDn}`);
    expect(sentences).to.contain('3000 entries').and.to.contain('(homePhone)');
    expect(sentences).not.to.contain('userPassword').and.not.to.contain('marker');
  });

  it('warns of an account that can read passwords', async () => {
    const { findings } = await check({ settings: here({ bind_dn: slapd.nosyDn }) });
    const tooMuch = findings.filter(({ outcome }) => outcome === 'too-much').map(({ sentence }) => sentence);
    expect(tooMuch.join()).to.match(/passwords or their keys \(userPassword\)/);
  });

  it('says when the account sees nobody', async () => {
    const { findings } = await check({ settings: here({ filter: '(uid=nobody)' }) });
    expect(findings.at(-1)).to.include({ step: 'records', outcome: 'too-little' });
  });

  it('reads what was changed, renamed and moved the next time', async () => {
    const uuid = async (uid: string) => parseLdif(await slapd.ldapsearch(`(uid=${uid})`, 'entryUUID'))[0]?.entryUUID;
    const renamed = await uuid('u00011');
    const moved = await uuid('u00013');
    const at = (uid: string) => `dn: uid=${uid},${slapd.baseDn}\n`;
    await slapd.modify(
      `${at('u00011')}changetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n\n` +
        `${at('renamed')}changetype: modify\nreplace: mail\nmail: new@acme.example\n\n` +
        `${at('u00013')}changetype: modrdn\nnewrdn: uid=u00013\ndeleteoldrdn: 0\nnewsuperior: ou=services,dc=acme,dc=example\n`,
    );
    const { records } = await readAll({ settings: here() });
    expect(records).to.have.length(everyone - 1);
    expect(records.find((record) => record.entryUUID === renamed)?.mail).to.equal('new@acme.example');
    expect(records.some((record) => record.entryUUID === moved)).to.equal(false);
  });

  it('skips an entry with a value that is too large and reads the others', async () => {
    const huge = 'x'.repeat(10 * 1024 * 1024);
    await slapd.modify(`dn: uid=u00021,${slapd.baseDn}\nchangetype: modify\nreplace: title\ntitle: ${huge}\n`);
    const key = parseLdif(await slapd.ldapsearch('(uid=u00021)', 'entryUUID'))[0]?.entryUUID;
    const { records, skipped, complete } = await readAll({ settings: here() });
    expect(complete).to.equal(true);
    expect(skipped).to.deep.equal([key]);
    expect(records).to.have.length(everyone - 2);
  });

  it('reads the samples as they say', async () => {
    const folder = new URL('../../connectors/ldap/sample/', import.meta.url);
    const samples = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'));
    const other = await startSlapd({ ldif: samples.join('\n') });
    try {
      const { records, complete } = await readAll({ settings: { url: other.url, filter: '(mail=*)' } });
      expect(complete).to.equal(true);
      const told = records.map(({ entryUUID, objectClass, ...rest }) => ({
        ...rest,
        inScope: usersStream.inScope!({ objectClass }),
      }));
      expect(told).to.have.deep.members([
        { mail: 'adele@acme.example', givenName: 'Adele', sn: 'Fisher', inScope: true },
        { mail: ['bo@acme.example', 'z.bo@acme.example'], givenName: 'Bo', sn: 'Ek', inScope: true },
        { mail: 'zoe@acme.example', givenName: 'Ζωή', sn: '陈', title: 'Engineer 🚀', inScope: true },
        { mail: 'cem@acme.example', sn: 'Kaya', inScope: true },
        { mail: 'everyone@acme.example', inScope: false },
      ]);
    } finally {
      await other.stop();
    }
  });

  it('needs no more than the access rules of its page for tenant IT', async () => {
    const page = readFileSync(new URL('../../connectors/ldap/README.md', import.meta.url), 'utf8');
    const rules = [...page.matchAll(/^olcAccess: \{\d\}(to .*(?:\n {2}by .*)+)/gm)].map(([, rule]) => `access ${rule}`);
    expect(rules).to.have.length(2);
    const strict = await startSlapd({
      ldif: person({ uid: 'ada', mail: 'ada@acme.example', homePhone: '1', userPassword: 'x', title: 'Engineer' }),
      config: rules.join('\n').replaceAll('cn=sluice,', 'cn=reader,'),
    });
    try {
      const { findings } = await check({ settings: { url: strict.url } });
      expect(findings.map(({ outcome }) => outcome)).to.deep.equal(['ok', 'ok', 'ok', 'ok', 'ok']);
      const { records, complete } = await readAll({ settings: { url: strict.url } });
      expect(complete).to.equal(true);
      expect(records.map((record) => Object.keys(record).sort().join(' '))).to.deep.equal([
        'entryUUID mail objectClass sn title',
      ]);
      expect(await strict.ldapsearch('(objectClass=*)', 'homePhone', 'userPassword')).not.to.match(
        /homePhone|userPassword/,
      );
    } finally {
      await strict.stop();
    }
  });
});

const flat = ([name, value]: [string, unknown]) => [name, [value].flat().sort().join('|')];

/** ldapsearch's LDIF as objects; attributes with several values become arrays. */
function parseLdif(text: string): Record<string, string | string[]>[] {
  return (
    text
      .split('\n\n')
      // Between pages ldapsearch puts a comment with the cookie before the next entry.
      .map((block) => block.replace(/^(#.*\n)+/, ''))
      .filter((block) => block.startsWith('dn:'))
      .map((block) => {
        const entry: Record<string, string[]> = {};
        for (const line of block.split('\n').slice(1)) {
          const [, name, sign, value] = /^([^:]+)(::?) (.*)$/.exec(line) ?? [];
          if (!name || value === undefined) continue;
          entry[name] ??= [];
          entry[name].push(sign === '::' ? Buffer.from(value, 'base64').toString('utf8') : value);
        }
        return Object.fromEntries(
          Object.entries(entry).map(([name, list]) => [name, list.length === 1 ? list[0]! : list]),
        );
      })
  );
}
