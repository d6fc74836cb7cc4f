import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import ldap from 'ldapjs';
import {
  type SandboxDirectory,
  type SandboxDirectoryOptions,
  startSandboxDirectory,
} from '../../src/sandbox/directory.ts';
import { encode, encodeInteger, encodeText } from '../../src/sandbox/ldap/ber.ts';
import { encodePaged, oid } from '../../src/sandbox/ldap/message.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { certificates } from '../support/certificates.ts';

/** In ldapjs 3 and not in its types, which are those of version 2. */
const { PagedResultsControl } = ldap as unknown as {
  PagedResultsControl: (new (options: object) => object) & { readonly OID: string };
};

type Client = ReturnType<typeof ldap.createClient>;
interface Found {
  readonly entries: readonly { dn: string; attributes: Record<string, string[]> }[];
  /** 0 or the result code of the failure. */
  readonly code: number;
  readonly cookie?: Buffer;
  readonly total?: number;
}

const people = 'ou=people,dc=acme,dc=example';

function search(
  client: Client,
  base: string,
  options: ldap.SearchOptions,
  page?: { size: number; cookie: Buffer },
): Promise<Found> {
  const controls = page ? [new PagedResultsControl({ value: page })] : [];
  return new Promise((resolve, reject) => {
    client.search(base, options, controls, (refused, results) => {
      if (refused) return reject(refused);
      const entries: { dn: string; attributes: Record<string, string[]> }[] = [];
      results.on('searchEntry', ({ pojo }) => {
        const { objectName, attributes } = pojo as unknown as {
          objectName: string;
          attributes: { type: string; values: string[] }[];
        };
        entries.push({
          dn: objectName,
          attributes: Object.fromEntries(attributes.map(({ type, values }) => [type, values])),
        });
      });
      results.on('error', (error) => resolve({ entries, code: (error as Error & { code: number }).code }));
      results.on('end', (end) => {
        const control = (end?.controls ?? []).find((one: { type: string }) => one.type === PagedResultsControl.OID);
        resolve({ entries, code: 0, ...(control ? { cookie: control.value.cookie, total: control.value.size } : {}) });
      });
    });
  });
}

async function bind(client: Client, dn: string, password: string): Promise<number> {
  return new Promise((resolve) => client.bind(dn, password, (error) => resolve(error ? Number(error.code) : 0)));
}

/** All pages of one search; fails on any other result than success. */
async function pages(
  client: Client,
  options: ldap.SearchOptions,
  size: number,
  betweenPages?: () => void,
): Promise<Found[]> {
  const found: Found[] = [];
  let cookie: Buffer = Buffer.alloc(0);
  do {
    const one = await search(client, people, { scope: 'sub', ...options }, { size, cookie });
    expect(one.code).to.equal(0);
    found.push(one);
    cookie = one.cookie ?? Buffer.alloc(0);
    betweenPages?.();
  } while (cookie.length > 0);
  return found;
}

/** A search with every kind of filter and a paged results control, byte for byte as ldapsearch sends it. */
function encodeSearch(): Buffer {
  const filter = encode(
    0xa0,
    encode(0xa3, encodeText('sn'), encodeText('a')),
    encode(
      0xa2,
      encode(0xa4, encodeText('cn'), encode(0x30, encodeText('a', 0x80), encodeText('b', 0x81), encodeText('c', 0x82))),
    ),
    encode(
      0xa1,
      encodeText('mail', 0x87),
      encode(0xa9, encodeText('2.5.13.5', 0x81), encodeText('cn', 0x82), encodeText('x', 0x83)),
    ),
  );
  const body = [
    encodeText(people),
    ...[2, 0].map((one) => encodeInteger(one, 0x0a)),
    encodeInteger(0),
    encodeInteger(0),
  ];
  const operation = encode(0x63, ...body, Buffer.from([1, 1, 0]), filter, encode(0x30, encodeText('mail')));
  return encode(0x30, encodeInteger(1), operation, encode(0xa0, encodePaged(50, Buffer.alloc(0))));
}

const unbind = Buffer.from('30050201054200', 'hex');

describe('the sandbox directory', () => {
  let directory: SandboxDirectory;
  const clients: Client[] = [];
  const client = (options: Partial<ldap.ClientOptions> = {}) => {
    const made = ldap.createClient({ url: directory.url, ...options });
    made.on('error', () => undefined);
    clients.push(made);
    return made;
  };
  const reader = async () => {
    const made = client();
    expect(await bind(made, directory.bindDn, directory.bindPassword)).to.equal(0);
    return made;
  };
  const restart = async (options: Partial<SandboxDirectoryOptions>) => {
    await directory.stop();
    directory = await startSandboxDirectory({ seed: 11, password: 'secret', ...options });
  };
  const inPeople = (more: (entry: ReturnType<SandboxDirectory['entries']>[number]) => boolean = () => true) =>
    directory
      .entries()
      .filter((entry) => entry.dn.endsWith(`,${people}`) && entry.attributes.objectClass?.includes('inetOrgPerson'))
      .filter(more)
      .map((entry) => entry.uuid);
  const uuids = (found: Found) => found.entries.map((entry) => entry.attributes.entryUUID?.[0]);
  const asking = async (filter: string | ldap.Filter, attributes = ['entryUUID']) =>
    search(await reader(), people, { scope: 'sub', filter, attributes });

  beforeEach(async () => {
    directory = await startSandboxDirectory({ seed: 11, password: 'secret' });
  });
  afterEach(async () => {
    for (const one of clients.splice(0)) one.destroy();
    await directory.stop();
  });

  describe('signing in', () => {
    it('takes the reader’s password, however the name is written, and no other', async () => {
      const one = client();
      expect(await bind(one, 'CN=Reader, DC=acme,dc=EXAMPLE', 'secret')).to.equal(0);
      expect(await bind(one, directory.bindDn, 'Secret')).to.equal(49);
      expect(await bind(one, 'cn=writer,dc=acme,dc=example', 'secret')).to.equal(49);
    });

    it('refuses a name without a password', async () => {
      expect(await bind(client(), directory.bindDn, '')).to.equal(53);
    });

    it('shows nobody anything but the root DSE before it', async () => {
      const anonymous = client();
      expect((await search(anonymous, people, { scope: 'sub' })).code).to.equal(8);
      const { entries } = await search(anonymous, '', {
        scope: 'base',
        attributes: ['vendorName', 'supportedControl', 'supportedExtension'],
      });
      expect(entries[0]?.attributes.vendorName).to.deep.equal(['Sluice sandbox']);
      expect(entries[0]?.attributes.supportedControl).to.include('1.2.840.113556.1.4.319');
      expect(entries[0]?.attributes.supportedExtension).to.deep.equal(['1.3.6.1.4.1.4203.1.11.3']);
    });

    it('forgets the earlier one when a later one fails', async () => {
      const one = await reader();
      await bind(one, directory.bindDn, 'wrong');
      expect((await search(one, people, { scope: 'sub' })).code).to.equal(8);
    });

    it('lets nobody write', async () => {
      const one = await reader();
      const code = await new Promise((resolve) => one.del(`uid=info,${people}`, (error) => resolve(error?.code)));
      expect(code).to.equal(50);
    });
  });

  describe('paging', () => {
    for (const size of [1, 50, 311, 312, 313, 1000]) {
      it(`gives every entry once in pages of ${size}`, async () => {
        const found = await pages(
          await reader(),
          { filter: '(objectClass=inetOrgPerson)', attributes: ['entryUUID'] },
          size,
        );
        expect(found.flatMap(uuids)).to.deep.equal(inPeople());
        expect(found).to.have.length(Math.ceil(inPeople().length / size));
        for (const one of found) expect(one.total).to.equal(inPeople().length);
      }).timeout(10_000);
    }

    it('neither skips nor repeats what stays when entries come, go and are renamed between pages', async () => {
      const before = inPeople();
      const victims = before.filter((_, at) => at % 10 === 5);
      const found = await pages(
        await reader(),
        { filter: '(objectClass=inetOrgPerson)', attributes: ['entryUUID'] },
        20,
        () => {
          for (const uuid of victims.splice(0, 3)) directory.remove(uuid);
          directory.change('hire');
          directory.change('rename');
        },
      );
      const seen = found.flatMap(uuids);
      expect(new Set(seen).size).to.equal(seen.length);
      expect(seen).to.include.members(inPeople((entry) => before.includes(entry.uuid)));
    });

    it('refuses a cookie it did not give last, on another connection, or for another search', async () => {
      const one = await reader();
      const options: ldap.SearchOptions = { scope: 'sub', filter: '(uid=*)', attributes: ['mail'] };
      const first = await search(one, people, options, { size: 10, cookie: Buffer.alloc(0) });
      const cookie = first.cookie ?? Buffer.alloc(0);
      expect(cookie.length).to.be.above(0);
      expect((await search(await reader(), people, options, { size: 10, cookie })).code).to.equal(53);
      expect((await search(one, people, { ...options, attributes: ['sn'] }, { size: 10, cookie })).code).to.equal(53);
      const again = await search(one, people, options, { size: 10, cookie: Buffer.alloc(0) });
      const next = again.cookie ?? Buffer.alloc(0);
      expect((await search(one, people, options, { size: 10, cookie })).code).to.equal(53);
      expect(next.equals(cookie)).to.equal(false);
    });

    it('gives an unpaged search no more than the server’s limit, and says that there is more', async () => {
      await restart({ sizeLimit: 100 });
      const { code, entries } = await asking('(uid=*)');
      expect(code).to.equal(4);
      expect(entries).to.have.length(100);
    });

    it('holds a paged search to the client’s own limit', async () => {
      const one = await reader();
      const options: ldap.SearchOptions = { scope: 'sub', filter: '(uid=*)', attributes: ['1.1'], sizeLimit: 25 };
      const first = await search(one, people, options, { size: 20, cookie: Buffer.alloc(0) });
      const second = await search(one, people, options, { size: 20, cookie: first.cookie ?? Buffer.alloc(0) });
      expect([first.entries.length, first.code, second.entries.length, second.code]).to.deep.equal([20, 0, 5, 4]);
    });
  });

  describe('what is sent', () => {
    const attributesOf = async (attributes: string[], more: ldap.SearchOptions = {}) => {
      const found = await search(await reader(), people, { scope: 'sub', filter: '(uid=info)', attributes, ...more });
      return found.entries[0]?.attributes ?? {};
    };

    it('is what was asked for, in any case, and nothing else', async () => {
      expect(await attributesOf(['MAIL', 'surname', 'noSuchAttribute'])).to.deep.equal({
        mail: ['info@acme.example'],
        sn: ['Information Desk'],
      });
    });

    it('holds operational attributes only when they are asked for', async () => {
      expect(await attributesOf([]))
        .to.include.keys('mail', 'description')
        .and.not.include.keys('entryUUID');
      expect(await attributesOf(['*'])).to.not.include.keys('entryUUID');
      expect(await attributesOf(['+']))
        .to.include.keys('entryUUID', 'modifyTimestamp')
        .and.not.include.keys('mail');
      expect(Object.keys(await attributesOf(['entryuuid']))).to.deep.equal(['entryUUID']);
      expect(await attributesOf(['1.1'])).to.deep.equal({});
    });

    it('is names without values when only types were asked for', async () => {
      expect(await attributesOf(['mail', 'description'], { typesOnly: true })).to.deep.equal({
        mail: [],
        description: [],
      });
    });

    it('includes what is a kind of the attribute asked for: language-tagged values', async () => {
      const [entry] = directory.entries().filter((one) => one.attributes['sn;lang-en']);
      const { sn, 'sn;lang-en': tagged } = entry?.attributes ?? {};
      const filter = `(entryUUID=${entry?.uuid})`;
      const sent = async (attribute: string) => (await asking(filter, [attribute])).entries[0]?.attributes;
      expect(await sent('sn')).to.deep.equal({ sn, 'sn;lang-en': tagged });
      expect(await sent('sn;lang-en')).to.deep.equal({ 'sn;lang-en': tagged });
      expect(await sent('name'))
        .to.include.keys('cn', 'sn', 'givenName', 'title', 'ou', 'sn;lang-en')
        .and.not.include.keys('mail', 'displayName');
      const byTag = new ldap.EqualityFilter({ attribute: 'sn;lang-en', value: String(tagged?.[0]) });
      expect(uuids(await asking(byTag))).to.include(entry?.uuid);
    });

    it('never holds a password, unless the reader may see passwords', async () => {
      expect((await asking('(userPassword=*)')).entries).to.deep.equal([]);
      await restart({ readablePasswords: true });
      expect((await asking('(userPassword=*)', ['userPassword'])).entries.length).to.be.above(200);
    });

    it('is noted as it was asked for', async () => {
      const name = new ldap.EqualityFilter({ attribute: 'sn', value: '*(x' });
      const person = new ldap.EqualityFilter({ attribute: 'objectClass', value: 'person' });
      await asking(new ldap.AndFilter({ filters: [person, new ldap.NotFilter({ filter: name })] }), ['sn', 'mail']);
      expect(directory.searches().at(-1)).to.deep.include({
        base: people,
        scope: 'sub',
        filter: '(&(objectClass=person)(!(sn=\\2a\\28x)))',
        attributes: ['sn', 'mail'],
      });
    });
  });

  describe('finding', () => {
    it('knows base, one level and subtree', async () => {
      const one = await reader();
      const dns = async (scope: 'base' | 'one' | 'sub') =>
        (await search(one, people, { scope, filter: '(objectClass=*)', attributes: ['1.1'] })).entries.map(
          (entry) => entry.dn,
        );
      const all = directory.entries().map((entry) => entry.dn);
      expect(await dns('base')).to.deep.equal([people]);
      expect(await dns('one')).to.have.length(
        all.filter((dn) => dn.endsWith(`,${people}`) && !/,ou=northwind,/.test(dn)).length,
      );
      expect(await dns('sub')).to.have.length(all.filter((dn) => dn.endsWith(people)).length);
    });

    it('finds an entry by its name with escaped and other letters, in every spelling of it', async () => {
      const uuid = '00000000-0000-4000-8000-000000000001';
      const name = 'Παπαδόπουλος\\, Ελένη \\+ Co';
      directory.put({
        uuid,
        dn: `cn=${name},${people}`,
        attributes: { objectClass: ['inetOrgPerson'], cn: ['Παπαδόπουλος, Ελένη + Co'], entryUUID: [uuid] },
      });
      const one = await reader();
      for (const written of [name, 'παπαδόπουλος\\2C  ΕΛΈΝΗ \\2b co', ' Παπαδόπουλος\\, Ελένη \\+ Co ']) {
        const found = await search(one, `CN=${written},${people}`, { scope: 'base', attributes: ['entryUUID'] });
        expect(uuids(found), written).to.deep.equal([uuid]);
      }
    });

    it('answers for a base that is not there with the nearest that is', async () => {
      expect((await search(await reader(), `ou=nobody,${people}`, { scope: 'sub' })).code).to.equal(32);
    });

    it('compares as the attribute’s type says', async () => {
      const [uuid = ''] = inPeople((entry) => String(entry.attributes.mail?.[0]).startsWith('info@'));
      expect(uuids(await asking(`(entryUUID=${uuid.toUpperCase()})`))).to.deep.equal([uuid]);
      expect(uuids(await asking('(mail=INFO@acme.EXAMPLE)'))).to.deep.equal([uuid]);
      expect(uuids(await asking('(cn=  information   DESK)'))).to.deep.equal([uuid]);
      expect(uuids(await asking('(cn=inf*mation*k)'))).to.deep.equal([uuid]);
      expect(uuids(await asking('(cn=information*desk info)'))).to.deep.equal([]);
      expect(uuids(await asking('(uid=in*fo)'))).to.deep.equal([uuid]);
      expect(uuids(await asking('(uid=inf*fo)'))).to.deep.equal([]);
      expect(uuids(await asking('(cn:caseExactMatch:=information desk)'))).to.deep.equal([]);
      expect(uuids(await asking('(cn:caseExactMatch:=Information Desk)'))).to.deep.equal([uuid]);
    });

    it('takes Undefined for neither true nor false', async () => {
      expect((await asking('(bogus=1)')).entries).to.deep.equal([]);
      expect((await asking('(!(bogus=1))')).entries).to.deep.equal([]);
      expect((await asking('(!(userAccountControl:1.2.840.113556.1.4.803:=2))')).entries).to.deep.equal([]);
      expect((await asking('(|(bogus=1)(uid=info))')).entries).to.have.length(1);
      expect((await asking('(!(&(bogus=1)(uid=nobody)))')).entries).to.have.length(inPeople().length + 2);
    });

    it('orders times', async () => {
      const cut = '20200101000000Z';
      const later = inPeople((entry) => String(entry.attributes.modifyTimestamp?.[0]) >= cut);
      expect(later.length).to.be.within(50, 250);
      expect(uuids(await asking(`(&(objectClass=inetOrgPerson)(modifyTimestamp>=${cut}))`))).to.deep.equal(later);
    });

    it('finds a hundred people among 5,000 entries within a second', async () => {
      await restart({ people: 5000 });
      const mails = directory
        .entries()
        .flatMap((entry) => entry.attributes.mail ?? [])
        .filter((_, at) => at % 40 === 7)
        .slice(0, 100);
      const one = await reader();
      const started = performance.now();
      const found = await search(one, people, {
        scope: 'sub',
        filter: `(|${mails.map((mail) => `(mail=${mail})`).join('')})`,
        attributes: ['mail'],
      });
      expect(performance.now() - started).to.be.below(1000);
      expect(found.entries.length).to.be.within(100, 101);
    });
  });

  describe('a connection', () => {
    const hangUp = async (bytes: Buffer): Promise<Buffer> => {
      const socket = connect(Number(new URL(directory.url).port), '127.0.0.1');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('error', () => undefined);
      socket.write(bytes);
      await once(socket, 'close');
      return Buffer.concat(chunks);
    };

    it('that does not speak LDAP is told so and closed, and others go on', async () => {
      const one = await reader();
      for (const garbage of [
        'GET / HTTP/1.1\r\n\r\n',
        '\x30\x84\xff\xff\xff\xff',
        '\x30\x80\x00\x00',
        '\x30\x03\x02\x01\x01',
        '\x30\x05\x02\x01\x01\x63\x00',
      ]) {
        const answer = await hangUp(Buffer.from(garbage, 'latin1'));
        expect(answer.toString('latin1'), JSON.stringify(garbage)).to.include('1.3.6.1.4.1.1466.20036');
      }
      expect((await search(one, people, { scope: 'base' })).code).to.equal(0);
    });

    it('that damages a request byte by byte neither ends the directory nor hangs', async () => {
      const request = encodeSearch();
      const signIn = [encodeInteger(3), encodeText(directory.bindDn), encodeText('secret', 0x80)];
      const bound = encode(0x30, encodeInteger(1), encode(0x60, ...signIn));
      expect((await hangUp(Buffer.concat([bound, request, unbind]))).toString('latin1')).to.include(oid.paged);
      const random = seededRandom(5);
      for (let round = 0; round < 300; round += 1) {
        const damaged = Buffer.from(request);
        for (let count = 1 + random.below(3); count > 0; count -= 1)
          damaged[random.below(damaged.length)] = random.below(256);
        const socket = connect(Number(new URL(directory.url).port), '127.0.0.1');
        socket.on('error', () => undefined).resume();
        socket.end(Buffer.concat([bound, damaged]));
        await once(socket, 'close');
      }
      expect((await search(await reader(), people, { scope: 'base' })).code).to.equal(0);
    }).timeout(10_000);

    it('may send its request a byte at a time, or several requests at once', async () => {
      const socket = connect(Number(new URL(directory.url).port), '127.0.0.1');
      await once(socket, 'connect');
      const whoAmI = (id: number) =>
        Buffer.from(
          `301e0201${id.toString(16).padStart(2, '0')}77198017312e332e362e312e342e312e343230332e312e31312e33`,
          'hex',
        );
      for (const byte of whoAmI(1)) {
        socket.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.write(Buffer.concat([whoAmI(2), whoAmI(3)]));
      let answer = Buffer.alloc(0);
      while (answer.length < 3 * 16) answer = Buffer.concat([answer, ((await once(socket, 'data')) as [Buffer])[0]]);
      socket.destroy();
      const one = (id: number) => `300e02010${id}78090a010004000400 8b00`.replace(' ', '');
      expect(answer.toString('hex')).to.equal([1, 2, 3].map(one).join(''));
    });

    it('ends when the directory stops, and the port is free again', async () => {
      const port = Number(new URL(directory.url).port);
      const one = await reader();
      const closed = once(one, 'close');
      await directory.stop();
      await directory.stop();
      await closed;
      directory = await startSandboxDirectory({ seed: 11, password: 'secret', port });
      expect(new URL(directory.url).port).to.equal(String(port));
    });

    it('speaks TLS from the first byte where the directory has a certificate', async () => {
      await restart({ tls: certificates.valid });
      expect(directory.url).to.match(/^ldaps:/);
      const one = client({ tlsOptions: { ca: [certificates.authority] } });
      expect(await bind(one, directory.bindDn, 'secret')).to.equal(0);
    });

    it('turns to TLS when asked (StartTLS), if the directory offers it', async () => {
      await restart({ tls: { ...certificates.valid, mode: 'starttls' } });
      expect(directory.url).to.match(/^ldap:/);
      const one = client();
      await new Promise<void>((resolve, reject) =>
        one.starttls({ ca: [certificates.authority], host: '127.0.0.1' }, [], (error: Error | null) =>
          error ? reject(error) : resolve(),
        ),
      );
      expect(await bind(one, directory.bindDn, 'secret')).to.equal(0);
      expect((await search(one, people, { scope: 'base' })).entries).to.have.length(1);
    });
  });
});
