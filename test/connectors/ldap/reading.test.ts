import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { NeedsAttention, type SourceRecord, TryLater } from '../../../src/contract/index.ts';
import { certificates } from '../../support/certificates.ts';
import { netForTests } from '../../support/guarded-net.ts';
import { check, readAll, readItems } from '../../support/ldap-reading.ts';
import {
  type Behaviour,
  bound,
  done,
  entry,
  extended,
  type HostileServer,
  hostileServer,
  int,
  reference,
  someone,
  tlv,
  uuid,
} from './hostile-server.ts';

describe('reading a directory that misbehaves', () => {
  let server: HostileServer | undefined;
  afterEach(() => server?.stop());

  const start = async (behaviour: Behaviour) => {
    server = await hostileServer(behaviour);
    return { url: server.url, timeout_s: 1 };
  };
  const read = async (behaviour: Behaviour) => readAll({ settings: await start(behaviour) });
  /** One page with these entries, then the end. */
  const readEntries = (entries: (id: number) => Buffer[]) =>
    read({ search: ({ id }) => [...entries(id), done(id, { cookie: '' })] });
  const mails = (records: readonly SourceRecord[]) => records.map(({ mail }) => mail);

  it('goes on after an empty page that has a cookie', async () => {
    const pages = [[1], [], [], [2, 3], []];
    const reading = await read({
      search: ({ id, n, cookie }) => {
        expect(cookie).to.equal(n === 1 ? '' : `cookie-${n - 1}`);
        const people = (pages[n - 1] ?? []).map((person) => someone(id, person));
        return [...people, done(id, { cookie: n === pages.length ? '' : `cookie-${n}` })];
      },
    });
    expect(reading).to.include({ complete: true, pages: 5, error: undefined });
    expect(mails(reading.records)).to.deep.equal(['p1@acme.example', 'p2@acme.example', 'p3@acme.example']);
  });

  it('ends with an empty directory that says so', async () => {
    const reading = await readEntries(() => []);
    expect(reading).to.include({ complete: true, pages: 1 });
  });

  it('stops believing a server that sends empty pages for ever', async () => {
    const reading = await read({ search: ({ id }) => done(id, { cookie: 'again' }) });
    expect(reading.complete).to.equal(false);
    expect(reading.error).to.be.instanceOf(Error);
  });

  it('accepts a server without paging that answers everything at once', async () => {
    const reading = await read({ search: ({ id }) => [someone(id, 1), someone(id, 2), done(id)] });
    expect(reading).to.include({ complete: true, pages: 1 });
    expect(reading.records).to.have.length(2);
  });

  it('does not take a server that loses the paging midway for one that is done', async () => {
    const reading = await read({
      search: ({ id, n }) => [someone(id, n), done(id, n === 1 ? { cookie: 'more' } : {})],
    });
    expect(reading.complete).to.equal(false);
    expect(reading.error).to.be.instanceOf(NeedsAttention);
  });

  for (const [code, kind, words] of [
    [3, TryLater, /time limit/],
    [4, NeedsAttention, /size limit.*`limits/],
    [11, NeedsAttention, /administrative limit/],
    [51, TryLater, /busy/],
    [52, TryLater, /shutting down/],
    [80, TryLater, /failed/],
    [8, NeedsAttention, /wants TLS/],
    [10, NeedsAttention, /referrals are never followed/],
    [32, NeedsAttention, /correct `base_dn`/],
    [50, NeedsAttention, /does not let this account read/],
    [4096, NeedsAttention, /result 4096/],
  ] as const)
    it(`fails the pass when result ${code} ends a page half way`, async () => {
      const reading = await read({
        search: ({ id, n }) => [someone(id, n), done(id, n === 1 ? { cookie: 'more' } : { code, cookie: '' })],
      });
      expect(reading).to.include({ complete: false, pages: 1 });
      expect(reading.records).to.have.length(2);
      expect(reading.error).to.be.instanceOf(kind);
      expect((reading.error as Error).message)
        .to.match(words)
        .and.not.contain('secret-person');
    });

  for (const how of ['end', 'destroy', 'resetAndDestroy'] as const)
    it(`fails the pass when the connection goes midway (${how})`, async () => {
      const reading = await read({
        search: ({ id, socket }) => {
          socket.write(Buffer.concat([someone(id, 1), someone(id, 2).subarray(0, 20)]), () => socket[how]());
          return undefined;
        },
      });
      expect(reading.complete).to.equal(false);
      expect(reading.error).to.be.instanceOf(TryLater);
    });

  it('fails at once when the server hangs up without a word', async () => {
    const reading = await read({ connect: (socket) => socket.destroy() });
    expect(reading.error).to.be.instanceOf(TryLater);
  });

  for (const [where, behaviour] of [
    ['the sign-in', { bind: () => undefined }],
    ['the search', { search: () => undefined }],
    ['the middle of an entry', { search: ({ id }) => someone(id, 1).subarray(0, 30) }],
    ['the middle of a page', { search: ({ id }) => someone(id, 1) }],
  ] as [string, Behaviour][])
    it(`gives up on a server that stalls in ${where}`, async () => {
      const from = Date.now();
      const reading = await read(behaviour);
      expect(reading.complete).to.equal(false);
      expect(reading.error).to.be.instanceOf(TryLater);
      expect((reading.error as Error).message).to.contain('sent nothing for 1 s');
      expect(Date.now() - from).to.be.within(900, 3000);
    });

  it('waits no longer than the timeout for a sign-in that arrives byte by byte', async () => {
    const from = Date.now();
    const reading = await read({
      bind: (_id, socket) => {
        const drip = setInterval(() => socket.write(Buffer.from([0x30, 0x84, 0x01, 0, 0, 0].slice(0, 1))), 200);
        socket.on('close', () => clearInterval(drip));
        return Buffer.from([0x30, 0x84, 0x00, 0xff, 0xff, 0xff]);
      },
    });
    expect(reading.error).to.be.instanceOf(TryLater);
    expect(Date.now() - from).to.be.below(3000);
  });

  it('says that something else than LDAP answers', async () => {
    const reading = await read({ connect: (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n') });
    expect(reading.error).to.be.instanceOf(NeedsAttention);
    expect((reading.error as Error).message).to.match(/does not speak LDAP: correct host and port/);
  });

  for (const [what, bytes] of [
    ['garbage', Buffer.from('c0ffee', 'hex')],
    ['a message without an operation', tlv(0x30, int(3))],
    [
      'an entry that ends in the middle of an attribute',
      tlv(0x30, int(3), tlv(0x64, tlv(0x04, 'dc=x'), tlv(0x30, Buffer.from([0x30, 0x50, 0x04])))),
    ],
    ['an indefinite length', Buffer.from([0x30, 0x80, 0, 0])],
    ['an answer to another question', bound(3)],
  ] as const)
    it(`fails the pass on ${what} between entries`, async () => {
      const reading = await read({ search: ({ id }) => [someone(id, 1), bytes] });
      expect(reading.complete).to.equal(false);
      expect(reading.error).to.be.instanceOf(TryLater);
      expect((reading.error as Error).message).to.contain('not LDAP');
    });

  it('holds no message of more than 32 MiB', async () => {
    const header = Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]);
    const reading = await read({ search: () => header });
    expect(reading.error).to.be.instanceOf(NeedsAttention);
    expect((reading.error as Error).message).to.contain('32 MiB');
  });

  it('takes a notice of disconnection for a failure that passes', async () => {
    const notice = tlv(
      0x30,
      int(0),
      tlv(0x78, int(52, 0x0a), tlv(4, ''), tlv(4, ''), tlv(0x8a, '1.3.6.1.4.1.1466.20036')),
    );
    const reading = await read({ search: ({ id }) => [someone(id, 1), notice] });
    expect(reading.error).to.be.instanceOf(TryLater);
    expect((reading.error as Error).message).to.contain('shutting down');
    expect(reading.complete).to.equal(false);
  });

  it('follows no reference to another server', async () => {
    let visits = 0;
    const elsewhere = createServer(() => {
      visits += 1;
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const { port } = elsewhere.address() as { port: number };
    try {
      const reading = await readEntries((id) => [
        someone(id, 1),
        reference(id, `ldap://127.0.0.1:${port}/dc=x`),
        someone(id, 2),
      ]);
      expect(reading).to.include({ complete: true });
      expect(reading.records).to.have.length(2);
      expect(visits).to.equal(0);
    } finally {
      elsewhere.close();
    }
  });

  it('leaves out answers to a question that is no longer asked', async () => {
    const reading = await readEntries((id) => [someone(id + 1000, 9), someone(id, 1)]);
    expect(mails(reading.records)).to.deep.equal(['p1@acme.example']);
  });

  it('passes on the names of attributes that nobody asked for, and none of their values', async () => {
    const reading = await readEntries((id) => [
      someone(id, 1, {
        HOMEPHONE: 'marker-1',
        'jpegPhoto;binary': 'marker-2',
        'ada@acme.example': 'marker-3',
        __proto__x: 'marker-4',
      }),
    ]);
    expect(reading.records[0]).to.include({ homePhone: null, jpegPhoto: null, other: null, mail: 'p1@acme.example' });
    expect(JSON.stringify(reading.records)).not.to.match(/marker|ada@/);
  });

  it('spells attributes as declared, whatever the server writes', async () => {
    const reading = await readEntries((id) => [
      entry(id, {
        ENTRYUUID: uuid(1).toUpperCase(),
        MAIL: 'a@b.example',
        GivenName: 'Ada',
        OBJECTCLASS: 'inetOrgPerson',
      }),
    ]);
    expect(reading.records).to.deep.equal([
      { entryUUID: uuid(1), mail: 'a@b.example', givenName: 'Ada', objectClass: 'inetOrgPerson' },
    ]);
  });

  it('chooses among languages and several values the same way in whatever order they come', async () => {
    const variants: [string, string[]][] = [
      ['givenName;lang-fr', ['Adèle']],
      ['givenName', ['Zoë', 'Ada', '\u{1F600}', '\uFFFD']],
      ['givenName;lang-de', ['Adele']],
      ['sn;lang-nl', ['Visser']],
      ['sn;lang-en', ['Fisher']],
      ['mail', ['\u{1F600}@acme.example', '\uFFFD@acme.example', 'a@acme.example']],
      ['title;lang-aa', ['c']],
      ['title;range=0-1', ['b', 'a']],
    ];
    const base = { entryUUID: uuid(1), objectClass: ['top', 'inetOrgPerson'] };
    const orders = [variants, [...variants].reverse()].map((order) =>
      Object.fromEntries(order.map(([name, values], at) => [name, at % 2 ? values : [...values].reverse()])),
    );
    const reading = await readEntries((id) => orders.map((order) => entry(id, { ...base, ...order })));
    const expected = {
      ...base,
      givenName: 'Ada',
      sn: 'Fisher',
      mail: ['a@acme.example', '\uFFFD@acme.example', '\u{1F600}@acme.example'],
      title: 'a',
      objectClass: ['inetOrgPerson', 'top'],
    };
    expect(reading.records).to.deep.equal([expected, expected]);
  });

  it('skips by key the entry whose text is not UTF-8 or is too long, and reads the others', async () => {
    const bad = Buffer.from([0x41, 0xff, 0xfe]);
    const reading = await readEntries((id) => [
      someone(id, 1),
      someone(id, 2, { sn: bad }),
      someone(id, 3, { title: Buffer.alloc(64 * 1024 + 1, 'x') }),
      someone(id, 4, { title: Buffer.alloc(64 * 1024, 'x') }),
      someone(id, 5, { givenName: '\uFFFD', jpegPhoto: Buffer.concat([bad, Buffer.alloc(10 * 1024 * 1024)]) }),
      someone(id, 6, { givenName: 'Ada', 'givenName;lang-xx': bad }),
    ]);
    expect(reading).to.include({ complete: true, error: undefined });
    expect(reading.skipped).to.deep.equal([uuid(2), uuid(3)]);
    expect(mails(reading.records)).to.deep.equal([1, 4, 5, 6].map((n) => `p${n}@acme.example`));
  });

  it('skips an entry without a usable key', async () => {
    const reading = await readEntries((id) => [
      someone(id, 1),
      someone(id, 2, { entryUUID: 'not-a-uuid' }),
      entry(id, { mail: 'x@acme.example' }),
      someone(id, 3, { entryUUID: [] }),
    ]);
    expect(reading.skipped).to.deep.equal([undefined, undefined, undefined]);
    expect(reading.complete).to.equal(true);
  });

  it('does not end well when no entry at all shows its key', async () => {
    const reading = await readEntries((id) => [entry(id, { mail: 'x@acme.example' })]);
    expect(reading.complete).to.equal(false);
    expect(reading.error).to.be.instanceOf(NeedsAttention);
    expect((reading.error as Error).message).to.contain('entryUUID');
  });

  it('stops at once when the run is cancelled', async () => {
    const abort = new AbortController();
    const settings = await start({ search: ({ id }) => someone(id, 1) });
    setTimeout(() => abort.abort(new TryLater('The run was cancelled.')), 100);
    const from = Date.now();
    const reading = await readAll({ settings, signal: abort.signal });
    expect((reading.error as Error).message).to.match(/cancelled/);
    expect(Date.now() - from).to.be.below(600);
    await sleep(50);
    expect(server?.closed).to.equal(1);
  });

  it('says goodbye when the reader stops early', async () => {
    const settings = await start({ search: ({ id, n }) => [someone(id, n), done(id, { cookie: 'more' })] });
    for await (const item of readItems({ settings })) if (item.item === 'page') break;
    await sleep(100);
    expect(server?.received.at(-1)).to.equal(0x42);
    expect(server?.closed).to.equal(1);
  });

  it('gives up the search when the reader stops in the middle of a page', async () => {
    const settings = await start({ search: ({ id }) => someone(id, 1) });
    for await (const item of readItems({ settings })) if (item.item === 'encoded') break;
    await sleep(100);
    expect(server?.received.slice(-2)).to.deep.equal([0x50, 0x42]);
    expect(server?.closed).to.equal(1);
  });

  it('lets a slow reader slow the server', async () => {
    let written = 0;
    const settings = await start({
      search: ({ id, socket }) => {
        const page = Buffer.concat(Array.from({ length: 500 }, (_, n) => someone(id, n, { title: 'x'.repeat(2000) })));
        const more = () => {
          while (written < 60e6) {
            written += page.length;
            if (!socket.write(page)) return;
          }
          socket.end(done(id, { cookie: '' }));
        };
        socket.on('drain', more);
        more();
        return undefined;
      },
    });
    let seen = 0;
    let atPause = 0;
    for await (const item of readItems({ settings })) {
      if (item.item !== 'encoded') continue;
      seen += item.count;
      if (atPause === 0) {
        await sleep(300);
        atPause = written;
      }
    }
    expect(atPause).to.be.below(20e6);
    expect(seen).to.be.above(25_000);
  });

  it('refuses data sent in clear behind the answer to StartTLS', async () => {
    const settings = await start({
      extended: (id) => Buffer.concat([extended(id, 0), tlv(0x30, int(9)).subarray(0, 3)]),
    });
    const reading = await readAll({ settings: { ...settings, start_tls: true, ca: certificates.authority } });
    expect(reading.error).to.be.instanceOf(NeedsAttention);
    expect((reading.error as Error).message).to.contain('in clear after StartTLS');
    expect(server?.received).to.deep.equal([0x77]);
  });

  it('never signs in when StartTLS is refused', async () => {
    const settings = await start({ extended: (id) => extended(id, 2) });
    const reading = await readAll({ settings: { ...settings, start_tls: true } });
    expect((reading.error as Error).message).to.contain('refused StartTLS');
    expect(server?.received).not.to.contain(0x60);
  });

  it('sends no password to a place where the operator allows none in clear', async () => {
    const settings = await start({});
    const reading = await readAll({ settings, net: netForTests() });
    expect(reading.error).to.be.instanceOf(NeedsAttention);
    expect(server?.received).not.to.contain(0x60);
  });

  for (const [code, words] of [
    ['525', /knows no account/],
    ['52e', /wrong `bind_dn` or `bind_password`/],
    ['530', /time of day/],
    ['531', /this machine/],
    ['532', /expired/],
    ['533', /disabled/],
    ['701', /account has expired/],
    ['773', /must be changed/],
    ['775', /locked/],
    ['fff', /wrong `bind_dn` or `bind_password`/],
  ] as const)
    it(`explains Active Directory's refusal ${code} without quoting it`, async () => {
      const text = `80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data ${code}, v4563`;
      const settings = await start({ bind: (id) => bound(id, 49, text) });
      const { findings } = await check({ settings });
      const last = findings.at(-1);
      expect(last).to.include({ step: 'sign-in', outcome: 'failed' });
      expect(last?.sentence).to.match(words).and.not.contain('DSID');
    });

  it('tells Active Directory by its root DSE and asks for its attributes', async () => {
    const names: string[] = [];
    const settings = await start({
      root: { supportedCapabilities: ['1.2.840.113556.1.4.800'] },
      search: ({ id, message }) => {
        names.push(message.bytes.toString('latin1', message.start, message.stop));
        const guid = Buffer.from('DCBAFEHGIJKLMNOP');
        return [
          entry(id, { objectGUID: guid, mail: 'a@b.example', userAccountControl: '512' }),
          done(id, { cookie: '' }),
        ];
      },
    });
    const reading = await readAll({ settings });
    expect(reading.records).to.deep.equal([
      { objectGUID: '41424344-4546-4748-494a-4b4c4d4e4f50', mail: 'a@b.example', userAccountControl: '512' },
    ]);
    expect(names[0]).to.contain('objectGUID').and.to.contain('objectCategory').and.not.to.contain('entryUUID');
  });
});
