import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { makeLoopbackCertificate } from '../../src/sandbox/certificate.ts';

const DAY_MS = 86_400_000;

describe('a certificate of the sandbox', () => {
  const made = makeLoopbackCertificate();
  const read = new X509Certificate(made.cert);

  it('is for this machine alone, signs itself and nothing else, and lives ten years and more', () => {
    expect(read.checkIP('127.0.0.1')).to.equal('127.0.0.1');
    expect(read.checkHost('localhost')).to.equal('localhost');
    expect([read.checkHost('acme.example'), read.checkIP('127.0.0.2')]).to.deep.equal([undefined, undefined]);
    expect(read.verify(read.publicKey)).to.equal(true);
    expect(read.ca).to.equal(false);
    expect(read.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.1']);
    expect(read.validFromDate.getTime()).to.be.lessThan(Date.now() - DAY_MS / 2);
    expect(read.validToDate.getTime()).to.be.greaterThan(Date.now() + 10 * 366 * DAY_MS);
  });

  it('is another one each time', () => {
    const other = makeLoopbackCertificate();
    expect(new X509Certificate(other.cert).serialNumber).to.not.equal(read.serialNumber);
    expect(other.key).to.not.equal(made.key);
  });

  it('says years after 2049 with all their digits', () => {
    const { validTo } = new X509Certificate(makeLoopbackCertificate(new Date('2040-03-01T00:00:00Z')).cert);
    expect(new Date(validTo).getUTCFullYear()).to.equal(2060);
  });

  it('lets in who trusts it, and nobody who trusts another', async () => {
    const server = createServer(made, (_, response) => response.end('there'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ask = (ca: string) =>
      new Promise<number | string | undefined>((resolve) => {
        const sent = request({ host: '127.0.0.1', port, ca, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
        sent.end();
      });
    try {
      expect(await ask(made.cert)).to.equal(200);
      expect(await ask(makeLoopbackCertificate().cert)).to.match(/SELF_SIGNED/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
