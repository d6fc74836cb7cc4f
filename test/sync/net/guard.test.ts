import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect } from 'chai';
import { NeedsAttention } from '../../../src/base/errors.ts';
import { createGuard } from '../../../src/sync/net/guard.ts';
import { parseAddressRules } from '../../../src/sync/net/index.ts';
import { all, failureOf } from '../../support/failure.ts';
import { netForTests } from '../../support/guarded-net.ts';
import { webSource } from '../../support/web-source.ts';

/** Counts every connection to one port on 127.0.0.1 and, where the machine has it, ::1. */
class Listeners implements AsyncDisposable {
  connections = 0;
  port = 0;
  #servers: Server[] = [];

  static async open(): Promise<Listeners> {
    const listeners = new Listeners();
    for (const host of ['127.0.0.1', '::1']) {
      const server = createServer((socket) => {
        listeners.connections++;
        socket.destroy();
      });
      const opened = await new Promise<boolean>((resolve) => {
        server.once('error', () => resolve(false)).listen(listeners.port, host, () => resolve(true));
      });
      if (!opened) continue;
      listeners.port = (server.address() as AddressInfo).port;
      listeners.#servers.push(server);
    }
    return listeners;
  }

  async [Symbol.asyncDispose]() {
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Names as a hostile tenant's name server would answer them. */
const names: Record<string, string[]> = {
  'localhost.': ['127.0.0.1'],
  localhost: ['127.0.0.1', '::1'],
  'sub.localhost': ['127.0.0.1'],
  'rebind.example': ['127.0.0.1'],
  'rebind6.example': ['::1'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'mixed.example': ['93.184.216.34', '127.0.0.1'],
  'mixed6.example': ['2606:2800:220:1::1', '::1'],
  'metadata.google.internal': ['169.254.169.254'],
  'private.example': ['10.0.0.1'],
  'scoped.example': ['fe80::1%lo'],
  'nothing.example': [],
  'rubbish.example': ['not-an-address'],
};
const resolve = async (host: string) => {
  const found = names[host];
  if (!found) throw Object.assign(new Error('no'), { code: 'ENOTFOUND' });
  return found;
};

/** Spellings of hosts that end at this machine, at a provider's metadata, or nowhere. */
const hosts = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '0x7f.1',
  '0x7f000001',
  '0x7f.0x0.0x0.0x1',
  '2130706433',
  '017700000001',
  '0177.0.0.1',
  '0177.0.0.01',
  '１２７.0.0.1',
  '127。0。0。1',
  '①②⑦.⓪.⓪.①',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'sub.localhost',
  'rebind.example',
  'rebind6.example',
  'mapped.example',
  'mixed.example',
  'mixed6.example',
  'private.example',
  'scoped.example',
  'nothing.example',
  'rubbish.example',
  'unknown.example',
  'metadata.google.internal',
  '0.0.0.0',
  '0',
  '0.0.0.1',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '100.100.100.200',
  '168.63.129.16',
  '169.254.169.254',
  '0xa9fea9fe',
  '2852039166',
  '192.0.0.192',
  '192.0.2.1',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[::127.0.0.1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:0:127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b:1::1]',
  '[2002:7f00:1::]',
  '[2001:0:7f00:1::1]',
  '[fe80::1]',
  '[fec0::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[fd20:ce::254]',
  '[ff02::1]',
  '[2001:db8::1]',
  '[5f00::1]',
  '[100::1]',
  '[1000::1]',
  '[4000::1]',
];

const urlsOf = (port: number) => [
  `file:///etc/passwd`,
  `gopher://127.0.0.1:${port}/_x`,
  `ftp://127.0.0.1:${port}/`,
  `ws://127.0.0.1:${port}/`,
  `data:text/csv,a%0A1`,
  `unix:/var/run/docker.sock`,
  `https://user@93.184.216.34/`,
  `https://user:pass@127.0.0.1:${port}/`,
  `https://93.184.216.34@127.0.0.1:${port}/`,
  `https://93.184.216.34:22/`,
  `https://93.184.216.34:25/`,
  `https://93.184.216.34:53/`,
  `https://127.0.0.1\\@93.184.216.34:${port}/`,
  `https:127.0.0.1:${port}`,
  `//127.0.0.1:${port}/`,
  `127.0.0.1:${port}`,
  `https://`,
  `https://[::1/`,
  '',
];

describe('the address guard', () => {
  it('lets no spelling of a forbidden address reach a listener, over HTTP, CSV or a socket', async () => {
    await using listeners = await Listeners.open();
    const net = netForTests({ rules: { allow: [], cleartext: parseAddressRules('0.0.0.0/0,::/0') }, resolve });
    const { port } = listeners;
    const urls = [...hosts.flatMap((host) => [`https://${host}:${port}/`, `http://${host}:${port}/`]), ...urlsOf(port)];
    expect(urls.length).to.be.at.least(60);
    for (const url of urls) {
      expect(await failureOf(net.http({ url })), url).to.be.instanceOf(NeedsAttention);
      expect(await failureOf(all(net.csv(url))), url).to.be.instanceOf(NeedsAttention);
    }
    for (const host of hosts.flatMap((written) => [written, written.replace(/^\[|\]$/g, '')]))
      for (const tls of [true, false]) {
        const error = await failureOf(net.connect({ host, port, tls, timeoutMs: 1000 }));
        expect(error, host).to.be.instanceOf(NeedsAttention);
      }
    expect(listeners.connections).to.equal(0);
    expect(net.spent.requests).to.equal(0);
  });

  it('reaches an address that the operator allows for this tenant and port', async () => {
    await using source = await webSource((_request, response) => response.end('here'), { tls: undefined });
    const rules = (text: string) => ({ allow: parseAddressRules(text), cleartext: parseAddressRules('127.0.0.0/8') });
    const ask = (text: string) => netForTests({ rules: rules(text) }).http({ url: source.origin });
    expect((await ask(`acme=127.0.0.1/32:${source.port}`)).body.toString()).to.equal('here');
    expect((await ask('127.0.0.0/8')).body.toString()).to.equal('here');
    for (const other of [`other=127.0.0.1/32`, `127.0.0.1/32:${source.port + 1}`, '10.0.0.0/8'])
      expect(await failureOf(ask(other)), other).to.be.instanceOf(NeedsAttention);
    expect(source.requests).to.have.length(2);
  });

  it('names the rule that would allow a private address', async () => {
    const net = netForTests({ rules: { allow: [] }, resolve: async () => ['10.2.3.4'] });
    const error = await failureOf(net.connect({ host: 'dc1.acme.example', port: 636, tls: true, timeoutMs: 1000 }));
    expect(error.message).to.include('add acme=10.2.3.4/32:636 to SLUICE_ALLOW_ADDRESSES');
  });

  it('never reaches link-local, metadata or tunnel addresses, whatever is allowed', async () => {
    const guard = createGuard({ tenant: 'acme', allow: parseAddressRules('0.0.0.0/0,::/0'), ownPorts: [] });
    for (const host of [
      '169.254.169.254',
      'fe80::1',
      'fd00:ec2::254',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      '64:ff9b::a9fe:a9fe',
      '2002:a9fe:a9fe::',
      '::',
      '0.0.0.0',
      '255.255.255.255',
      '::ffff:169.254.169.254',
    ])
      expect((await failureOf(guard.addressesOf(host, 443))).message, host).to.match(/may never reach/);
    expect(await guard.addressesOf('10.0.0.1', 443)).to.deep.equal(['10.0.0.1']);
    expect(await guard.addressesOf('64:ff9b::808:808', 443)).to.deep.equal(['64:ff9b::808:808']);
  });

  it('never reaches its own ports on this machine, and elsewhere only where a rule names them', async () => {
    const own = Object.values(networkInterfaces())
      .flatMap((many) => many ?? [])
      .map(({ address }) => address)
      .filter((address) => !address.startsWith('fe80'));
    const wide = createGuard({ tenant: 'acme', allow: parseAddressRules('0.0.0.0/0,::/0'), ownPorts: [5432] });
    const named = createGuard({
      tenant: 'acme',
      allow: parseAddressRules('0.0.0.0/0:5432,::/0:5432'),
      ownPorts: [5432],
    });
    for (const address of ['127.0.0.1', '::1', ...own]) {
      expect((await failureOf(wide.addressesOf(address, 5432))).message, address).to.match(/may never reach/);
      expect((await failureOf(named.addressesOf(address, 5432))).message, address).to.match(/may never reach/);
    }
    expect(await wide.addressesOf('127.0.0.1', 5433)).to.deep.equal(['127.0.0.1']);
    await failureOf(wide.addressesOf('10.9.9.9', 5432));
    expect(await named.addressesOf('10.9.9.9', 5432)).to.deep.equal(['10.9.9.9']);
    expect(await wide.addressesOf('93.184.216.34', 5432)).to.deep.equal(['93.184.216.34']);
  });

  it('resolves a name once per connection and goes to the checked address', async () => {
    await using source = await webSource((_request, response) => response.end('checked'));
    let asked = 0;
    const rebinding = async () => [['127.0.0.1'], ['127.0.0.2']][asked++] ?? [];
    const net = netForTests({ rules: { allow: parseAddressRules('127.0.0.1/32') }, resolve: rebinding });
    const { certificates } = await import('../../support/certificates.ts');
    const url = `https://source.example:${source.port}/`;
    expect((await net.http({ url, ca: certificates.authority })).body.toString()).to.equal('checked');
    expect(asked).to.equal(1);
    expect(source.requests[0]?.headers.host).to.equal(`source.example:${source.port}`);
    // The second answer of the name server is another address, and checked like the first.
    expect((await failureOf(net.http({ url }))).message).to.include('127.0.0.2');
  });
});
