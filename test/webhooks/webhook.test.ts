import { expect } from 'chai';
import { createNoticeSender, type Notice, type NoticeSenderOptions, type Post } from '../../src/webhooks/index.ts';
import { certificates } from '../support/certificates.ts';
import { netForTests } from '../support/guarded-net.ts';
import { clock, held, NOW, plainPost, RUN, receiver, secretOf, verifies } from './support.ts';

const secret = secretOf(9);
const senderWith = (options: Partial<NoticeSenderOptions> = {}) =>
  createNoticeSender({ post: plainPost, clock, ...options });

describe('a notice by webhook', () => {
  it('reaches its receiver, whose own check accepts it', async () => {
    await using target = await receiver();
    const outcomes = await senderWith().send(held, [{ webhook: `${target.origin}/hooks/sluice`, secret }]);
    expect(outcomes).eql([{ entry: 0, channel: 'webhook', outcome: 'sent' }]);
    const [message] = target.received;
    expect(message).include({ id: `notice_${RUN}_held`, timestamp: String(Math.floor(NOW.getTime() / 1000)) });
    expect(message!.headers['content-type']).equal('application/json');
    expect(await verifies(message!, secret, NOW.getTime())).equal(true);
    expect(await verifies({ ...message!, body: message!.body.replace('812', '12') }, secret, NOW.getTime())).equal(
      false,
    );
  });

  it('holds type, time, ids and one sentence, and nothing else', async () => {
    await using target = await receiver();
    const chatty = { ...held, email: 'jo@acme.example' } as Notice;
    await senderWith().send(chatty, [{ webhook: target.origin, secret }]);
    expect(JSON.parse(target.received[0]!.body)).eql({
      type: 'connection.held',
      timestamp: '2026-11-22T09:15:04.250Z',
      data: { tenant: 'acme', connection: 'people', run: RUN, sentence: held.sentence },
    });
  });

  it('stays below 20 kB, however long its sentence', async () => {
    await using target = await receiver();
    for (const long of ['x', '😀', '"', '\ud800'])
      await senderWith().send({ ...held, sentence: long.repeat(50_000) }, [{ webhook: target.origin, secret }]);
    expect(target.received).length(4);
    for (const { body } of target.received) expect(Buffer.byteLength(body)).below(20_000);
  });

  it('keeps its id over attempts while time and signature are those of the attempt', async () => {
    await using target = await receiver(500);
    let now = NOW;
    const sender = senderWith({ clock: { now: () => now } });
    await sender.send(held, [{ webhook: target.origin, secret }]);
    now = new Date(NOW.getTime() + 3_600_000);
    await sender.send(held, [{ webhook: target.origin, secret }]);
    const [first, second] = target.received;
    expect(second!.id).equal(first!.id);
    expect(second!.body).equal(first!.body);
    expect(Number(second!.timestamp) - Number(first!.timestamp)).equal(3600);
    expect(await verifies(second!, secret, now.getTime())).equal(true);
    expect(await verifies(first!, secret, now.getTime())).equal(false);
  });

  it('is accepted with the old and the new secret during a rotation', async () => {
    await using target = await receiver();
    await senderWith().send(held, [{ webhook: target.origin, secret: `${secretOf(20)} ${secret}` }]);
    expect(await verifies(target.received[0]!, secret, NOW.getTime())).equal(true);
    expect(await verifies(target.received[0]!, secretOf(20), NOW.getTime())).equal(true);
    expect(await verifies(target.received[0]!, secretOf(21), NOW.getTime())).equal(false);
  });

  const answers: [number, string][] = [
    [200, 'sent'],
    [202, 'sent'],
    [299, 'sent'],
    [302, 'failed'],
    [304, 'failed'],
    [400, 'failed'],
    [404, 'failed'],
    [410, 'gone'],
    [429, 'failed'],
    [500, 'failed'],
    [503, 'failed'],
  ];
  for (const [status, outcome] of answers)
    it(`answered with ${status} is ${outcome}`, async () => {
      await using target = await receiver(status);
      const [result] = await senderWith().send(held, [{ webhook: `${target.origin}/T0/secret-path`, secret }]);
      expect(result!.outcome).equal(outcome);
      expect(result!.retryAt).equal(undefined);
      if (outcome === 'sent') return;
      expect(result!.sentence).include(`127.0.0.1:${target.port}`).and.include(`(${status})`);
      expect(result!.sentence).not.include('secret-path');
    });

  it('follows no redirect', async () => {
    await using elsewhere = await receiver();
    await using target = await receiver(307, { location: `${elsewhere.origin}/` });
    const [result] = await senderWith().send(held, [{ webhook: target.origin, secret }]);
    expect(result).include({ outcome: 'failed' });
    expect(result!.sentence).include('enter its final address');
    expect(elsewhere.received).eql([]);
  });

  it('is not tried again before the moment the receiver named', async () => {
    await using inTwoDays = await receiver(503, { 'retry-after': '172800' });
    await using tomorrow = await receiver(429, { 'retry-after': 'Mon, 23 Nov 2026 08:49:37 GMT' });
    const results = await senderWith().send(held, [
      { webhook: inTwoDays.origin, secret },
      { webhook: tomorrow.origin, secret },
    ]);
    expect(results.map(({ retryAt }) => retryAt?.toISOString())).eql([
      '2026-11-24T09:15:04.250Z',
      '2026-11-23T08:49:37.000Z',
    ]);
  });

  for (const [what, given] of Object.entries({ 'no secret': {}, 'a secret that cannot sign': { secret: 'hunter2' } }))
    it(`is not sent at all with ${what}`, async () => {
      await using target = await receiver();
      const [result] = await senderWith().send(held, [{ webhook: target.origin, ...given }]);
      expect(result).include({ outcome: 'not-configured', channel: 'webhook' });
      expect(result!.sentence).include('openssl rand -base64 32').and.not.include('hunter2');
      expect(target.received).eql([]);
    });

  it('fails in time when the receiver never answers', async () => {
    await using target = await receiver(null);
    const [result] = await senderWith({ webhookTimeoutMs: 200 }).send(held, [{ webhook: target.origin, secret }]);
    expect(result).include({ outcome: 'failed' });
    expect(result!.sentence).include('could not be reached in time');
  });

  it('fails in time even when the transport forgets its deadline', async () => {
    const forgetful: Post = () => new Promise(() => {});
    const sender = senderWith({ post: forgetful, webhookTimeoutMs: 50 });
    const [result] = await sender.send(held, [{ webhook: 'https://it.acme.example/', secret }]);
    expect(result).include({ outcome: 'failed' });
  });

  it('gives the transport fifteen seconds', async () => {
    let given = 0;
    const post: Post = async (_url, _body, _headers, timeoutMs) => {
      given = timeoutMs;
      return { status: 200, headers: {} };
    };
    await senderWith({ post }).send(held, [{ webhook: 'https://it.acme.example/', secret }]);
    expect(given).equal(15_000);
  });

  it('that fails keeps no other from being sent, and outcomes stand in the order of the receivers', async () => {
    await using first = await receiver(500);
    await using last = await receiver();
    const results = await senderWith().send(held, [
      { webhook: 'not an address', secret },
      { webhook: first.origin, secret },
      { email: 'it@acme.example' },
      { webhook: 'https://127.0.0.1:1/', secret },
      { webhook: first.origin, secret },
      { webhook: last.origin, secret },
    ]);
    expect(results.map(({ entry, outcome }) => [entry, outcome])).eql([
      [0, 'failed'],
      [1, 'failed'],
      [2, 'not-configured'],
      [3, 'failed'],
      [4, 'failed'],
      [5, 'sent'],
    ]);
  });

  it('under way when the sender closes ends at once, to be tried again', async () => {
    await using target = await receiver(null);
    const sender = senderWith();
    const sending = sender.send(held, [{ webhook: target.origin, secret }]);
    while (target.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await sender.close();
    const [result] = await sending;
    expect(result).include({ outcome: 'failed' });
    expect(result!.sentence).include('stopping');
  });

  it('is not begun once the sender is closed', async () => {
    let posts = 0;
    const post: Post = async () => {
      posts++;
      return { status: 200, headers: {} };
    };
    const sender = senderWith({ post });
    await sender.close();
    const [result] = await sender.send(held, [{ webhook: 'https://it.acme.example/', secret }]);
    expect(result).include({ outcome: 'failed' });
    expect(posts).equal(0);
  });

  describe('through the guarded network', () => {
    const guardedPost = (allowed: boolean): Post => {
      const net = netForTests({ rules: { caFile: certificates.authority, ...(allowed ? {} : { allow: [] }) }, clock });
      return (url, body, headers, timeoutMs) =>
        net.http({ url, method: 'POST', headers, json: JSON.parse(body), timeoutMs, maxBytes: 65_536 });
    };

    it('arrives as the bytes that were signed', async () => {
      await using target = await receiver();
      const sender = senderWith({ post: guardedPost(true) });
      const sentence = 'Zoë’s "quotes" \\ and 😀 stay as they are.';
      const [result] = await sender.send({ ...held, sentence }, [{ webhook: target.origin, secret }]);
      expect(result!.outcome).equal('sent');
      expect(await verifies(target.received[0]!, secret, NOW.getTime())).equal(true);
    });

    it('does not reach an address that the operator did not allow', async () => {
      await using target = await receiver();
      const sender = senderWith({ post: guardedPost(false) });
      const [result] = await sender.send(held, [{ webhook: target.origin, secret }]);
      expect(result).include({ outcome: 'failed' });
      expect(result!.sentence).include('SLUICE_ALLOW_ADDRESSES');
      expect(target.received).eql([]);
    });

    it('is not tried again before the moment the receiver named', async () => {
      await using target = await receiver(503, { 'retry-after': '172800' });
      const [result] = await senderWith({ post: guardedPost(true) }).send(held, [{ webhook: target.origin, secret }]);
      expect(result!.retryAt?.toISOString()).equal('2026-11-24T09:15:04.250Z');
    });
  });
});
