import { expect } from 'chai';
import fc from 'fast-check';
import { BadInput } from '../../src/base/errors.ts';
import { signatureHeaders, signingKeys } from '../../src/webhooks/sign.ts';
import { secretOf, verifies } from './support.ts';

const sign = (id: string, timestamp: number, body: string, secret: string) => {
  const headers = signatureHeaders({ id, at: new Date(timestamp * 1000), body }, signingKeys(secret));
  return {
    id: headers['webhook-id']!,
    timestamp: headers['webhook-timestamp']!,
    signature: headers['webhook-signature']!,
    body,
  };
};

describe('signing of webhooks', () => {
  // Both recomputed with: openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | base64
  it('gives the reference vector of Standard Webhooks', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const signed = sign('msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}', secret);
    expect(signed.signature).equal('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('gives what openssl gives for one of our own', () => {
    const id = 'notice_01993f00-0000-7000-8000-000000000001_held';
    const signed = sign(id, 1763802900, '{"type":"connection.held"}', secretOf(0));
    expect(signed).include({ id, timestamp: '1763802900' });
    expect(signed.signature).equal('v1,K3h7iLayfjFPPdlXA9mPZK0uvsWNLdd5U4N7te8HTfQ=');
  });

  it('signs with every key of a rotation, the first one first', async () => {
    const both = sign('notice_1', 1763802900, '{}', `${secretOf(1)} ${secretOf(2)}`);
    expect(both.signature.split(' ')).eql([
      sign('notice_1', 1763802900, '{}', secretOf(1)).signature,
      sign('notice_1', 1763802900, '{}', secretOf(2)).signature,
    ]);
    for (const first of [1, 2]) expect(await verifies(both, secretOf(first), 1763802900_000)).equal(true);
    expect(await verifies(both, secretOf(3), 1763802900_000)).equal(false);
  });

  const parts = fc.record({
    id: fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/),
    timestamp: fc.integer({ min: 1_600_000_000, max: 4_000_000_000 }),
    body: fc.string({ unit: 'binary', maxLength: 200 }),
    first: fc.integer({ min: 0, max: 200 }),
  });

  it('is accepted by an independent receiver, whatever is signed', async () => {
    const property = fc.asyncProperty(parts, async ({ id, timestamp, body, first }) => {
      const signed = sign(id, timestamp, body, secretOf(first));
      expect(await verifies(signed, secretOf(first), timestamp * 1000)).equal(true);
    });
    await fc.assert(property, { numRuns: 1000 });
  });

  it('is refused by it once id, body, time, order, signature or key are changed, or it is older than five minutes', async () => {
    const property = fc.asyncProperty(parts, async ({ id, timestamp, body, first }) => {
      const secret = secretOf(first);
      const signed = sign(id, timestamp, body, secret);
      const at = timestamp * 1000;
      const flipped = Buffer.from(signed.signature.slice(3), 'base64');
      flipped[first % 32]! ^= 1;
      const changed = {
        id: { ...signed, id: `${id}x` },
        body: { ...signed, body: `${body} ` },
        time: { ...signed, timestamp: String(timestamp + 1) },
        order: { ...signed, id: signed.timestamp, timestamp: signed.timestamp, body: `${signed.id}.${body}` },
        swapped: { ...signed, id: body, body: id },
        signature: { ...signed, signature: `v1,${flipped.toString('base64')}` },
      };
      for (const [what, message] of Object.entries(changed))
        if (what !== 'swapped' || id !== body) expect(await verifies(message, secret, at), what).equal(false);
      expect(await verifies(signed, secretOf(first + 1), at)).equal(false);
      expect(await verifies(signed, secret, at + 301_000)).equal(false);
      expect(await verifies(signed, secret, at - 301_000)).equal(false);
    });
    await fc.assert(property, { numRuns: 1000 });
  });

  for (const id of ['', 'a.b', 'a b', 'a\r\nb', 'é', 'x'.repeat(256)])
    it(`refuses ${JSON.stringify(id.slice(0, 10))} as an id`, () => {
      expect(() => sign(id, 1, '{}', secretOf(0))).throw(BadInput);
    });

  const base64 = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64');
  for (const [what, secret] of Object.entries({
    'an empty secret': '',
    'a secret of spaces': '  ',
    'a password': 'hunter2-hunter2-hunter2-hunter2',
    'base64 without its prefix': base64(32),
    'the private key of the other scheme': `whsk_${base64(32)}`,
    '23 bytes': `whsec_${base64(23)}`,
    '65 bytes': `whsec_${base64(65)}`,
    'what is not base64': `whsec_${base64(32).replace('B', '-')}!`,
    'a rotation with one bad key': `whsec_${base64(32)} whsec_`,
  }))
    it(`refuses ${what} as a secret, without quoting it`, () => {
      const refusal = (() => {
        try {
          return signingKeys(secret);
        } catch (error) {
          return error;
        }
      })();
      expect(refusal).instanceOf(BadInput);
      expect((refusal as BadInput).message).include('openssl rand -base64 32');
      if (secret.trim()) expect((refusal as BadInput).message).not.include(secret.slice(6));
    });

  for (const bytes of [24, 64])
    it(`takes a key of ${bytes} bytes`, () => {
      expect(signingKeys(`whsec_${base64(bytes)}`)[0]!.symmetricKeySize).equal(bytes);
    });
});
