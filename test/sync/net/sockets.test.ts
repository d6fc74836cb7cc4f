import type { AddressInfo } from 'node:net';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { NeedsAttention, TryLater } from '../../../src/base/errors.ts';
import { parseAddressRules } from '../../../src/sync/net/index.ts';
import { certificates } from '../../support/certificates.ts';
import { failureOf } from '../../support/failure.ts';
import { netForTests } from '../../support/guarded-net.ts';
import { webSource } from '../../support/web-source.ts';

const ca = certificates.authority;
const timeoutMs = 2000;

async function listening(server: Server, host = '127.0.0.1') {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
const echo = (socket: Socket) => void socket.on('error', () => {}).pipe(socket);
const tlsEcho = (pair: { key: string; cert: string }) => createTlsServer(pair, echo).on('tlsClientError', () => {});

function answerOf(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (data) => resolve(data.toString())).once('close', () => reject(new Error('closed')));
    socket.write(text);
  });
}

describe('sockets through the guarded network', () => {
  it('connect in clear and with TLS verified against a private authority', async () => {
    await using plain = await listening(createServer(echo));
    await using tls = await listening(tlsEcho(certificates.valid));
    const net = netForTests({ resolve: async () => ['127.0.0.1'] });
    const first = await net.connect({ host: '127.0.0.1', port: plain.port, tls: false, timeoutMs });
    expect(await answerOf(first, 'clear')).to.equal('clear');
    for (const host of ['127.0.0.1', 'localhost', 'source.example']) {
      const socket = await net.connect({ host, port: tls.port, tls: true, ca, timeoutMs });
      expect(socket).to.be.instanceOf(TLSSocket);
      expect((socket as TLSSocket).authorized).to.equal(true);
      expect(await answerOf(socket, 'sealed')).to.equal('sealed');
      socket.destroy();
    }
    first.destroy();
  });

  it('trust the authorities of SLUICE_CA_FILE for every connection', async () => {
    await using tls = await listening(tlsEcho(certificates.valid));
    const net = netForTests({ rules: { caFile: `Our authority:\n${ca}` } });
    (await net.connect({ host: '127.0.0.1', port: tls.port, tls: true, timeoutMs })).destroy();
    (
      await net.connect({ host: '127.0.0.1', port: tls.port, tls: true, ca: certificates.stranger, timeoutMs })
    ).destroy();
  });

  it('upgrade in place (StartTLS), verified like any other', async () => {
    await using source = await listening(
      createServer((socket) => {
        socket.once('data', () => {
          socket.write('ready', () => echo(new TLSSocket(socket, { isServer: true, ...certificates.valid })));
        });
      }),
    );
    const net = netForTests();
    const target = { host: '127.0.0.1', port: source.port, tls: false, timeoutMs };
    const socket = await net.connect(target);
    expect(await answerOf(socket, 'starttls')).to.equal('ready');
    const tls = await net.upgrade(socket, { ...target, ca });
    expect(tls.authorized).to.equal(true);
    expect(await answerOf(tls, 'sealed')).to.equal('sealed');
    tls.destroy();

    const again = await net.connect(target);
    expect(await answerOf(again, 'starttls')).to.equal('ready');
    const error = await failureOf(net.upgrade(again, target));
    expect(error.message).to.include('set ca to the PEM certificate');
    expect(again.destroyed).to.equal(true);
  });

  const untrusted: [string, { key: string; cert: string }, string, string | undefined, RegExp][] = [
    ['an expired certificate', certificates.expired, 'localhost', ca, /has expired/],
    ['a certificate for another name', certificates.wrongName, 'localhost', ca, /is for another name.*localhost/],
    ['a certificate for another address', certificates.wrongName, '127.0.0.1', ca, /is for another name/],
    ['an unknown issuer', certificates.valid, 'localhost', undefined, /issuer that is not known.*set ca/],
    ['an issuer other than ca', certificates.valid, 'localhost', certificates.stranger, /issuer that is not known/],
    ['a ca without a certificate', certificates.valid, 'localhost', 'not PEM', /no certificate in the setting ca/],
    ['a damaged ca', certificates.valid, 'localhost', ca.replace(/\n[^\n]{20}/, '\nAAAAAAAAAAAAAAAAAAAA'), /damaged/],
  ];
  for (const [name, pair, host, authority, sentence] of untrusted)
    it(`refuse ${name}, over sockets and HTTP alike, before a byte is sent`, async () => {
      const net = netForTests({ resolve: async () => ['127.0.0.1'] });
      let received = 0;
      await using tls = await listening(
        createTlsServer(pair, (socket) => void socket.on('data', (data) => (received += data.length))).on(
          'tlsClientError',
          () => {},
        ),
      );
      const error = await failureOf(net.connect({ host, port: tls.port, tls: true, ca: authority, timeoutMs }));
      expect(error).to.be.instanceOf(NeedsAttention);
      expect(error.message).to.match(sentence);
      const second = await failureOf(net.http({ url: `https://${host}:${tls.port}/`, bearer: 'k', ca: authority }));
      expect(second.message).to.equal(error.message);
      expect(received).to.equal(0);
    });

  it('refuse an address that the certificate does not name, though it names localhost', async () => {
    await using tls = await listening(tlsEcho(certificates.valid), '127.0.0.2');
    const error = await failureOf(
      netForTests().connect({ host: '127.0.0.2', port: tls.port, tls: true, ca, timeoutMs }),
    );
    expect(error.message).to.include('is for another name');
  });

  it('refuse TLS with a server that does not speak it', async () => {
    await using plain = await listening(createServer((socket) => void socket.end('220 hello\r\n')));
    const error = await failureOf(
      netForTests().connect({ host: '127.0.0.1', port: plain.port, tls: true, ca, timeoutMs }),
    );
    expect(error).to.be.instanceOf(NeedsAttention);
    expect(error.message).to.include('no TLS at all');
  });

  it('say what failed: unknown host, refused, no answer within the time', async () => {
    await using silent = await listening(createServer(() => {}));
    const closed = await listening(createServer());
    await closed[Symbol.asyncDispose]();
    const resolve = async () => {
      throw Object.assign(new Error('secret detail'), { code: 'ENOTFOUND' });
    };
    const unknown = await failureOf(
      netForTests({ resolve }).connect({ host: 'dc1.nowhere', port: 636, tls: true, timeoutMs }),
    );
    expect(unknown).to.be.instanceOf(NeedsAttention);
    expect(unknown.message).to.match(/^The host dc1\.nowhere is unknown/);
    const net = netForTests();
    const refused = await failureOf(net.connect({ host: '127.0.0.1', port: closed.port, tls: true, timeoutMs }));
    expect(refused).to.be.instanceOf(TryLater);
    expect(refused.message).to.match(/refused the connection; check host and port/);
    const began = Date.now();
    const slow = await failureOf(net.connect({ host: '127.0.0.1', port: silent.port, tls: true, timeoutMs: 200 }));
    expect(slow).to.be.instanceOf(TryLater);
    expect(slow.message).to.match(/did not answer in time/);
    expect(Date.now() - began).to.be.below(1500);
  });

  it('leave a name server behind that does not answer', async () => {
    const net = netForTests({ resolve: () => new Promise(() => {}) });
    const error = await failureOf(net.connect({ host: 'dc1.acme.example', port: 636, tls: true, timeoutMs: 100 }));
    expect(error).to.be.instanceOf(TryLater);
  });

  it('try the next checked address when one refuses', async () => {
    await using plain = await listening(createServer(echo), '127.0.0.1');
    const net = netForTests({ resolve: async () => ['127.0.0.9', '127.0.0.1'] });
    const socket = await net.connect({ host: 'two.example', port: plain.port, tls: false, timeoutMs });
    expect(socket.remoteAddress).to.equal('127.0.0.1');
    socket.destroy();
  });

  it('end with the run', async () => {
    await using plain = await listening(createServer(echo));
    const run = new AbortController();
    const net = netForTests({ signal: run.signal });
    const socket = await net.connect({ host: '127.0.0.1', port: plain.port, tls: false, timeoutMs });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    run.abort();
    await closed;
    const late = await failureOf(net.connect({ host: '127.0.0.1', port: plain.port, tls: false, timeoutMs }));
    expect(late.message).to.include('cancelled');
  });

  it('refuse a port that is none', async () => {
    for (const port of [0, -1, 65_536, 1.5, Number.NaN])
      expect(
        await failureOf(netForTests().connect({ host: '127.0.0.1', port, tls: true, timeoutMs })),
      ).to.be.instanceOf(NeedsAttention);
  });

  it('know where a password may travel in clear: by address, and by name once it has been resolved', async () => {
    await using plain = await listening(createServer(echo));
    const cleartext = parseAddressRules(`acme=127.0.0.0/8:${plain.port}`);
    const net = netForTests({ rules: { cleartext }, resolve: async () => ['127.0.0.1'] });
    expect(net.allowsCleartext('127.0.0.1', plain.port)).to.equal(true);
    expect(net.allowsCleartext('0x7f.1', plain.port)).to.equal(true);
    expect(net.allowsCleartext('127.0.0.1', plain.port + 1)).to.equal(false);
    expect(net.allowsCleartext('10.0.0.1', plain.port)).to.equal(false);
    expect(net.allowsCleartext('source.example', plain.port)).to.equal(false);
    (await net.connect({ host: 'source.example', port: plain.port, tls: false, timeoutMs })).destroy();
    expect(net.allowsCleartext('Source.Example', plain.port)).to.equal(true);
    expect(netForTests().allowsCleartext('127.0.0.1', plain.port)).to.equal(false);
  });
});

describe('the outbound proxy', () => {
  /** A proxy that tunnels and remembers where it was sent and with what. */
  async function proxyServer(status = '200 Connection established') {
    const asked: string[] = [];
    const server = createServer((socket) => {
      socket
        .on('error', () => {})
        .once('data', (head) => {
          asked.push(head.toString());
          const [, host, port] = /^CONNECT (.+):(\d+) /.exec(head.toString()) ?? [];
          if (!status.startsWith('200')) return void socket.end(`HTTP/1.1 ${status}\r\n\r\n`);
          const upstream = connectTcp(Number(port), host!, () => {
            socket.write(`HTTP/1.1 ${status}\r\nX-Via: test\r\n\r\n`);
            socket.pipe(upstream).pipe(socket);
          });
          upstream.on('error', () => socket.destroy());
          socket.on('close', () => upstream.destroy());
        });
    });
    const { port, [Symbol.asyncDispose]: stop } = await listening(server);
    return { port, asked, [Symbol.asyncDispose]: stop };
  }
  const resolve = async () => ['127.0.0.1'];

  it('carries HTTPS in a tunnel to the checked address, verified end to end', async () => {
    await using source = await webSource((_request, response) => response.end('through'));
    await using proxy = await proxyServer();
    const rules = { proxy: `http://hub:s3cr3t@127.0.0.1:${proxy.port}` };
    const net = netForTests({ rules, resolve });
    const answer = await net.http({ url: `https://source.example:${source.port}/`, ca });
    expect(answer.body.toString()).to.equal('through');
    expect(proxy.asked[0]).to.match(new RegExp(`^CONNECT 127\\.0\\.0\\.1:${source.port} HTTP/1\\.1\r\n`));
    expect(proxy.asked[0]).to.include(`Proxy-Authorization: Basic ${Buffer.from('hub:s3cr3t').toString('base64')}`);
    expect((await failureOf(net.http({ url: `https://source.example:${source.port}/` }))).message).to.include('set ca');
  });

  it('changes nothing about what may be reached', async () => {
    await using proxy = await proxyServer();
    const net = netForTests({ rules: { proxy: `http://127.0.0.1:${proxy.port}` }, resolve: async () => ['10.0.0.1'] });
    await failureOf(net.http({ url: 'https://private.example/' }));
    await failureOf(net.http({ url: 'https://169.254.169.254/' }));
    expect(proxy.asked).to.deep.equal([]);
  });

  it('is left out where SLUICE_NO_PROXY says so', async () => {
    await using source = await webSource((_request, response) => response.end('direct'));
    await using proxy = await proxyServer();
    for (const entry of ['*', 'source.example', '.example', 'example', '127.0.0.0/8']) {
      const net = netForTests({ rules: { proxy: `http://127.0.0.1:${proxy.port}`, noProxy: [entry] }, resolve });
      await net.http({ url: `https://source.example:${source.port}/`, ca });
    }
    expect(proxy.asked).to.deep.equal([]);
    const net = netForTests({
      rules: { proxy: `http://127.0.0.1:${proxy.port}`, noProxy: ['ource.example', '10.0.0.0/8'] },
      resolve,
    });
    await net.http({ url: `https://source.example:${source.port}/`, ca });
    expect(proxy.asked).to.have.length(1);
  });

  it('that refuses is named in the sentence, its password is not', async () => {
    await using proxy = await proxyServer('403 Forbidden');
    const net = netForTests({ rules: { proxy: `http://hub:s3cr3t@127.0.0.1:${proxy.port}` }, resolve });
    const error = await failureOf(net.http({ url: 'https://source.example:8443/' }));
    expect(error).to.be.instanceOf(NeedsAttention);
    expect(error.message).to.match(/proxy .* does not let it through .*403/);
    expect(error.message).not.to.include('s3cr3t');
  });

  it('that cannot be read is refused', () => {
    for (const proxy of ['proxy:3128', 'https://proxy:3128', 'http://proxy/path', 'socks5://x'])
      expect(() => netForTests({ rules: { proxy } }), proxy).to.throw(/SLUICE_PROXY cannot be read/);
  });
});
