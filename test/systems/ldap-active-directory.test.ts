import { expect } from 'chai';
import { type Item, NeedsAttention, type SourceRecord } from '../../src/contract/index.ts';
import { parseAddressRules } from '../../src/sync/net/index.ts';
import { certificates } from '../support/certificates.ts';
import { netForTests } from '../support/guarded-net.ts';
import { check, lookUp, readAll, readItems, usersStream } from '../support/ldap-reading.ts';
import { requires } from '../support/requires.ts';
import { adUser, type Samba, startSamba } from '../support/samba.ts';

const pad = (n: number) => String(n).padStart(5, '0');
const everyone = 1500;
const ldif = Array.from({ length: everyone }, (_, n) =>
  adUser({
    cn: `User ${pad(n)}`,
    givenName: `Zoë ${n}`,
    sn: `Family${n}`,
    mail: `u${pad(n)}@corp.example`,
    title: 'Engineer',
    department: n % 2 ? 'Sales' : 'Support',
    homePhone: `+31 6 ${pad(n)}`,
    ...(n === 7 ? { userAccountControl: '546' } : {}),
  }),
);
const container = 'CN=Users,DC=corp,DC=example';
const notPeople = [
  `dn: CN=PC1,${container}\nchangetype: add\nobjectClass: computer\nsAMAccountName: PC1$\nuserAccountControl: 4128\nmail: pc1@corp.example\n\n`,
  `dn: CN=A Contact,${container}\nchangetype: add\nobjectClass: contact\nmail: contact@corp.example\n\n`,
  `dn: CN=A Group,${container}\nchangetype: add\nobjectClass: group\nsAMAccountName: agroup\nmail: group@corp.example\n\n`,
];

describe('the ldap connector against Active Directory (Samba)', function () {
  this.timeout(120_000);
  let samba: Samba;
  before(async function () {
    requires(this, 'samba', 'samba-tool', 'ldbsearch', 'ldapsearch', 'root');
    samba = await startSamba({ ldif: [...ldif, ...notPeople].join('') });
  });
  after(() => samba?.stop());

  const net = (rules = {}) => netForTests({ resolve: async () => [samba.address], rules });
  const settings = (more: object = {}) => ({
    url: `ldaps://${samba.host}`,
    ca: certificates.authority,
    bind_dn: samba.readerDn,
    bind_password: samba.password,
    base_dn: samba.baseDn,
    ...more,
  });
  const read = (more: object = {}) => readAll({ settings: settings(more), net: net() });
  const inScope = (records: readonly SourceRecord[]) => records.filter((record) => usersStream.inScope!(record));

  it('reads beyond the 1,000 entries of one page, with the objectGUID that the database holds', async () => {
    const reading = await read();
    expect(reading.error).to.equal(undefined);
    expect(reading.complete).to.equal(true);
    expect(reading.pages).to.be.at.least(2);
    // ldbsearch prints an objectGUID as a canonical UUID, out of the database file.
    const oracle = await samba.ldbsearch('(&(objectCategory=person)(objectClass=user)(mail=*))', 'objectGUID', 'mail');
    const expected = oracle
      .split('\n\n')
      .map((block) => [/^objectGUID: (.*)$/m.exec(block)?.[1], /^mail: (.*)$/m.exec(block)?.[1]].join(' '))
      .filter((line) => line.includes('@'));
    expect(expected).to.have.length(everyone);
    const read_ = reading.records.filter(({ mail }) => mail).map(({ objectGUID, mail }) => `${objectGUID} ${mail}`);
    expect(read_.sort()).to.deep.equal(expected.sort());
  });

  it('reads the same number of people as ldapsearch', async () => {
    const { records } = await read();
    const oracle = await samba.ldapsearch('(&(objectCategory=person)(objectClass=user))', 'objectGUID');
    expect(records).to.have.length(oracle.match(/^dn:/gm)?.length ?? 0);
  });

  it('leaves disabled accounts, computers, contacts and groups out of scope', async () => {
    const reading = await read({ filter: '(mail=*)' });
    const all = reading.records.map(({ mail }) => mail);
    expect(all).to.include.members([
      'pc1@corp.example',
      'contact@corp.example',
      'group@corp.example',
      'u00007@corp.example',
    ]);
    const people = inScope(reading.records).map(({ mail }) => mail);
    expect(people).to.have.length(everyone - 1);
    expect(people).not.to.include.members(['u00007@corp.example']);
    for (const mail of people) expect(mail).to.match(/^u\d{5}@/);
  });

  it('sends nothing that was not asked for', async () => {
    const { records } = await read();
    const names = new Set(records.flatMap((record) => Object.keys(record)));
    expect([...names].sort()).to.deep.equal([
      ...['department', 'givenName', 'mail', 'objectClass', 'objectGUID', 'sn', 'title', 'userAccountControl'],
    ]);
  });

  it('ignores the references at the root of the domain', async () => {
    const oracle = await samba.ldapsearch('(objectClass=user)', 'objectGUID');
    expect(oracle, 'the server sends references').to.match(/^# refldap/m);
    const reading = await read();
    expect(reading).to.include({ complete: true });
  });

  it('reads with StartTLS as with LDAPS', async () => {
    const reading = await read({ url: `ldap://${samba.host}`, start_tls: true });
    expect(reading.error).to.equal(undefined);
    expect(reading.records.length).to.be.at.least(everyone);
  });

  it('explains that the server wants TLS, even where the operator allows none', async () => {
    const rules = { cleartext: parseAddressRules('acme=127.0.0.0/8') };
    const clear = { settings: settings({ url: `ldap://${samba.host}` }), net: net(rules) };
    const reading = await readAll(clear);
    expect(reading.error).to.be.instanceOf(NeedsAttention);
    expect((reading.error as Error).message).to.match(/wants TLS before the sign-in: use `ldaps:\/\/`/);
    const { findings } = await check(clear);
    expect(findings.at(-1)).to.include({ step: 'sign-in', outcome: 'failed' });
  });

  it('explains a wrong password, and signs in by user principal name', async () => {
    const wrong = await read({ bind_password: 'wrong' });
    expect((wrong.error as Error).message).to.match(/refused the sign-in: wrong `bind_dn` or `bind_password`/);
    const reading = await read({ bind_dn: 'reader@corp.example' });
    expect(reading.error).to.equal(undefined);
  });

  it('explains a wrong base DN', async () => {
    const { error } = await read({ base_dn: 'OU=Nowhere,DC=corp,DC=example' });
    expect((error as Error).message).to.match(/has no entry OU=Nowhere/);
  });

  it('finds people by e-mail and by directory id', async () => {
    const { records } = await read();
    const some = records.filter(({ mail }) => mail).slice(100, 160);
    const ids = some.map(({ objectGUID }) => ({ directoryId: String(objectGUID) }));
    const found = await lookUp({ settings: settings(), net: net() }, [...ids, { email: 'u00003@corp.example' }]);
    const expected = new Set([...some.map(({ mail }) => mail), 'u00003@corp.example']);
    expect(new Set(found.map(({ mail }) => mail))).to.deep.equal(expected);
  });

  it('checks what it reached and how many it sees', async () => {
    const { findings } = await check({ settings: settings(), net: net() });
    expect(findings.filter(({ outcome }) => outcome === 'failed' || outcome === 'too-little')).to.deep.equal([]);
    const sentences = findings.map(({ sentence }) => sentence).join('\n');
    expect(sentences).to.match(/is Active Directory; signed in as .*reader/);
    expect(sentences).to.contain('(homePhone)');
  });

  it('counts on over many small pages', async () => {
    const items: Item[] = [];
    for await (const item of readItems({ settings: settings({ page_size: 100 }), net: net() })) items.push(item);
    expect(items.filter(({ item }) => item === 'page').length).to.be.at.least(15);
    expect(items.at(-1)?.item).to.equal('complete');
  });
});
