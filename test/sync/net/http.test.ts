import { createGzip, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { NeedsAttention, TooLarge, TryLater } from '../../../src/base/errors.ts';
import { parseAddressRules } from '../../../src/sync/net/index.ts';
import { certificates } from '../../support/certificates.ts';
import { everythingAbout, failureOf } from '../../support/failure.ts';
import { netForTests } from '../../support/guarded-net.ts';
import { webSource } from '../../support/web-source.ts';

const ca = certificates.authority;

describe('HTTP through the guarded network', () => {
  it('brings an answer and counts what it cost', async () => {
    await using source = await webSource((_request, response) => response.setHeader('x-page', '2').end('hello'));
    const net = netForTests();
    const answer = await net.http({
      url: `${source.origin}/a?b=c#d`,
      bearer: 'k3y',
      headers: { accept: 'text/plain' },
      ca,
    });
    expect(answer.status).to.equal(200);
    expect(answer.headers['x-page']).to.equal('2');
    expect(answer.body.toString()).to.equal('hello');
    expect(net.spent).to.deep.equal({ requests: 1, bytes: 5 });
    expect(source.requests[0]).to.deep.include({ method: 'GET', url: '/a?b=c' });
    expect(source.requests[0]?.headers).to.deep.include({ authorization: 'Bearer k3y', accept: 'text/plain' });
  });

  it('sends JSON', async () => {
    await using source = await webSource((request, response) => request.pipe(response));
    const answer = await netForTests().http({ url: source.origin, method: 'POST', json: { a: ['ü'] }, ca });
    expect(answer.body.toString()).to.equal('{"a":["ü"]}');
    expect(source.requests[0]?.headers['content-type']).to.equal('application/json');
  });

  it('sends a form', async () => {
    await using source = await webSource((request, response) => request.pipe(response));
    const form = { scope: 'https://graph.example/.default', secret: 'a+b &=ü' };
    const answer = await netForTests().http({ url: source.origin, method: 'POST', form, ca });
    expect(Object.fromEntries(new URLSearchParams(answer.body.toString()))).to.deep.equal(form);
    expect(source.requests[0]?.headers['content-type']).to.equal('application/x-www-form-urlencoded');
  });

  it('hands back with their body the statuses that the connector reads itself, and no others', async () => {
    await using source = await webSource((request, response) => {
      response
        .setHeader('retry-after', '7')
        .writeHead(Number(request.url?.slice(1)))
        .end('{"error":{"code":"Busy"}}');
    });
    const net = netForTests();
    for (const status of [401, 403, 429, 503]) {
      const answer = await net.http({ url: `${source.origin}/${status}`, ca, answers: [status] });
      expect(answer).to.deep.include({ status });
      expect(answer.headers['retry-after']).to.equal('7');
      expect(answer.body.toString()).to.include('Busy');
      await failureOf(net.http({ url: `${source.origin}/${status}`, ca, answers: [404] }));
    }
  });

  it('leaves 404 and 410 to the connector', async () => {
    await using source = await webSource((request, response) => {
      response.statusCode = Number(request.url?.slice(1));
      response.end('gone');
    });
    for (const status of [400, 404, 409, 410, 422]) {
      const answer = await netForTests().http({ url: `${source.origin}/${status}`, ca });
      expect(answer).to.deep.include({ status });
    }
  });

  it('turns busy answers into TryLater with the wait the source asked for, however long', async () => {
    const clock = { now: () => new Date('2026-11-22T12:00:00Z') };
    const waits: [string | undefined, string | undefined][] = [
      ['86400', '2026-11-23T12:00:00.000Z'],
      ['Sun, 29 Nov 2026 11:50:00 GMT', '2026-11-29T12:00:00.000Z'],
      [undefined, undefined],
    ];
    for (const [header, instant] of waits)
      for (const status of [429, 503, 500, 502, 504]) {
        await using source = await webSource((_request, response) => {
          // Its clock is ten minutes behind ours: of a date only the distance from its own now counts.
          response.setHeader('date', 'Sun, 22 Nov 2026 11:50:00 GMT');
          if (header) response.setHeader('retry-after', header);
          response.writeHead(status).end('name of a person');
        });
        const error = await failureOf(netForTests({ clock }).http({ url: source.origin, ca }));
        expect(error).to.be.instanceOf(TryLater);
        expect((error as TryLater).notBefore?.toISOString()).to.equal(instant);
        expect(everythingAbout(error)).not.to.include('name of a person');
      }
  });

  it('turns a refused sign-in and a missing permission into NeedsAttention', async () => {
    for (const [status, word] of [
      [401, /renew the token/],
      [403, /grant the permission/],
    ] as const) {
      await using source = await webSource((_request, response) => response.writeHead(status).end());
      const error = await failureOf(netForTests().http({ url: source.origin, ca }));
      expect(error).to.be.instanceOf(NeedsAttention);
      expect(error.message).to.match(word);
    }
  });

  it('keeps secrets and content out of every error', async () => {
    await using source = await webSource((request, response) => {
      if (request.url === '/cut/s3cr3t-path') {
        response.writeHead(200, { 'content-length': 1000 }).write('s3cr3t-content');
        setTimeout(() => response.destroy(), 5);
      } else if (request.url?.startsWith('/reset')) request.socket.destroy();
      else response.writeHead(401, { 'www-authenticate': 's3cr3t-header' }).end('s3cr3t-content');
    });
    for (const path of ['/cut/s3cr3t-path', '/reset?q=s3cr3t-query', '/denied?q=s3cr3t-query']) {
      const url = `${source.origin}${path}`;
      const error = await failureOf(
        netForTests().http({
          url,
          bearer: 's3cr3t-bearer',
          headers: { 'x-key': 's3cr3t-key' },
          json: { a: 's3cr3t-json' },
          ca,
        }),
      );
      expect(everythingAbout(error), path).not.to.include('s3cr3t');
    }
    const broken = await failureOf(netForTests().http({ url: source.origin, bearer: 's3cr3t\r\nx: y', ca }));
    expect(everythingAbout(broken)).not.to.include('s3cr3t');
    const header = await failureOf(netForTests().http({ url: source.origin, headers: { key: 's3cr3t\n' }, ca }));
    expect(everythingAbout(header)).not.to.include('s3cr3t');
  });

  describe('redirects', () => {
    it('are followed on the same origin, credentials included, up to five', async () => {
      await using source = await webSource((request, response) => {
        const left = Number(request.url?.slice(1));
        if (left === 0) response.end('there');
        else response.writeHead(302, { location: `/${left - 1}` }).end();
      });
      const net = netForTests();
      const answer = await net.http({ url: `${source.origin}/5`, bearer: 'k', ca });
      expect(answer.body.toString()).to.equal('there');
      expect(source.requests.map(({ headers }) => headers.authorization)).to.deep.equal(Array(6).fill('Bearer k'));
      expect(net.spent.requests).to.equal(6);
      expect(await failureOf(net.http({ url: `${source.origin}/6`, ca }))).to.be.instanceOf(NeedsAttention);
    });

    it('to another origin are refused, and nobody there hears of it', async () => {
      await using victim = await webSource((_request, response) => response.end('victim'));
      await using plain = await webSource((_request, response) => response.end('victim'), { tls: undefined });
      const targets = [
        victim.origin,
        plain.origin,
        'https://169.254.169.254/latest',
        'file:///etc/passwd',
        '//[',
        'gopher://x',
      ];
      for (const target of targets) {
        await using source = await webSource((_request, response) =>
          response.writeHead(302, { location: target }).end(),
        );
        const net = netForTests({ rules: { cleartext: parseAddressRules('127.0.0.0/8') } });
        const error = await failureOf(net.http({ url: source.origin, bearer: 'k', ca }));
        expect(error, target).to.be.instanceOf(NeedsAttention);
      }
      expect([...victim.requests, ...plain.requests]).to.deep.equal([]);
    });

    it('are resolved and checked again at each hop', async () => {
      await using source = await webSource((_request, response) =>
        response.writeHead(302, { location: '/next' }).end(),
      );
      const answers = [['127.0.0.1'], ['10.0.0.1']];
      const net = netForTests({ resolve: async () => answers.shift() ?? [] });
      const error = await failureOf(net.http({ url: `https://source.example:${source.port}/`, ca }));
      expect(error.message).to.include('10.0.0.1');
      expect(source.requests).to.have.length(1);
    });

    it('of a request that changes something are refused', async () => {
      await using source = await webSource((_request, response) =>
        response.writeHead(307, { location: '/next' }).end(),
      );
      expect(await failureOf(netForTests().http({ url: source.origin, method: 'POST', ca }))).to.be.instanceOf(
        NeedsAttention,
      );
      expect(source.requests).to.have.length(1);
    });
  });

  describe('bodies', () => {
    it('are decompressed', async () => {
      await using source = await webSource((_request, response) =>
        response.setHeader('content-encoding', 'gzip').end(gzipSync('packed')),
      );
      expect((await netForTests().http({ url: source.origin, ca })).body.toString()).to.equal('packed');
    });

    it('end at the cap after decompression, without the memory that a bomb would take', async () => {
      await using source = await webSource((_request, response) => {
        response.setHeader('content-encoding', 'gzip');
        const bomb = createGzip();
        bomb.pipe(response);
        response.on('close', () => bomb.destroy());
        const zeros = Buffer.alloc(1024 * 1024);
        let left = 2048;
        const more = () => {
          while (left-- > 0 && !bomb.destroyed) if (!bomb.write(zeros)) return void bomb.once('drain', more);
          bomb.end();
        };
        more();
      });
      const before = process.memoryUsage().rss;
      const net = netForTests();
      const error = await failureOf(net.http({ url: source.origin, maxBytes: 8 * 1024 * 1024, ca }));
      expect(error).to.be.instanceOf(NeedsAttention).and.instanceOf(TooLarge);
      expect(error.message).to.include('more than 8 MiB');
      expect(process.memoryUsage().rss - before).to.be.below(100 * 1024 * 1024);
      expect(net.spent.bytes).to.be.below(2 * 1024 * 1024);
    });

    it('that break off, with or without compression, are TryLater', async () => {
      for (const encoding of ['identity', 'gzip'])
        for (const framing of ['length', 'chunked'])
          for (const fraction of [0, 0.5, 0.9]) {
            const whole =
              encoding === 'gzip' ? gzipSync('x'.repeat(50_000) + Math.random()) : Buffer.from('x'.repeat(50_000));
            await using source = await webSource((_request, response) => {
              response.setHeader('content-encoding', encoding);
              if (framing === 'length') response.setHeader('content-length', whole.length);
              response.flushHeaders();
              response.write(whole.subarray(0, Math.floor(whole.length * fraction)), () =>
                response.socket?.destroySoon(),
              );
            });
            const error = await failureOf(netForTests().http({ url: source.origin, ca }));
            expect(error, `${encoding} ${framing} ${fraction}`).to.be.instanceOf(TryLater);
          }
    });

    it('in an encoding nobody asked for are refused', async () => {
      await using source = await webSource((_request, response) =>
        response.setHeader('content-encoding', 'x-odd').end('?'),
      );
      expect(await failureOf(netForTests().http({ url: source.origin, ca }))).to.be.instanceOf(NeedsAttention);
    });
  });

  describe('time', () => {
    it('limits the wait for an answer, and for a body that drips', async () => {
      await using silent = await webSource(() => {});
      await using dripping = await webSource((_request, response) => {
        const timer = setInterval(() => response.write('.'), 20);
        response.on('close', () => clearInterval(timer));
      });
      for (const { origin } of [silent, dripping]) {
        const began = Date.now();
        const error = await failureOf(netForTests().http({ url: origin, timeoutMs: 300, ca }));
        expect(error).to.be.instanceOf(TryLater);
        expect(Date.now() - began).to.be.within(250, 2000);
      }
    });

    it('ends with the run: cancelled in the wait for the head or within the body', async () => {
      await using silent = await webSource(() => {});
      await using stalled = await webSource((_request, response) => void response.write('begun'));
      for (const { origin } of [silent, stalled]) {
        const run = new AbortController();
        setTimeout(() => run.abort(), 100);
        const error = await failureOf(netForTests({ signal: run.signal }).http({ url: origin, ca }));
        expect(error.message).to.include('cancelled');
      }
    });

    it('ends with the deadline of the run, and nothing begins after it', async () => {
      await using silent = await webSource(() => {});
      const soon = netForTests({ deadline: new Date(Date.now() + 200) });
      expect((await failureOf(soon.http({ url: silent.origin, ca }))).message).to.include('time of this run is over');
      expect((await failureOf(soon.http({ url: silent.origin, ca }))).message).to.include('time of this run is over');
      expect(silent.requests).to.have.length(1);
    });
  });

  it('makes no more requests than the budget holds, those counted by hand included', async () => {
    await using source = await webSource((_request, response) => response.end());
    const net = netForTests({ maxRequests: 3 });
    net.count({ requests: 1, bytes: 10 });
    await net.http({ url: source.origin, ca });
    await net.http({ url: source.origin, ca });
    expect(await failureOf(net.http({ url: source.origin, ca }))).to.be.instanceOf(TryLater);
    expect(source.requests).to.have.length(2);
    expect(() => net.count({ requests: 1 })).to.throw(TryLater);
  });

  it('speaks without TLS only where the operator allows it', async () => {
    await using source = await webSource((_request, response) => response.end('clear'), { tls: undefined });
    const error = await failureOf(netForTests().http({ url: source.origin, bearer: 'k' }));
    expect(error.message).to.include(`acme=127.0.0.1/32:${source.port} to SLUICE_ALLOW_CLEARTEXT`);
    expect(source.requests).to.deep.equal([]);
    const cleartext = parseAddressRules(`acme=127.0.0.1/32:${source.port}`);
    const net = netForTests({ rules: { cleartext } });
    expect((await net.http({ url: source.origin, bearer: 'k' })).body.toString()).to.equal('clear');
  });

  it('ignores the proxies of the environment', async () => {
    await using source = await webSource((_request, response) => response.end('direct'));
    const names = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    const before = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : 'http://127.0.0.1:9';
    try {
      expect((await netForTests().http({ url: source.origin, ca })).body.toString()).to.equal('direct');
    } finally {
      for (const [at, name] of names.entries()) {
        if (before[at] === undefined) delete process.env[name];
        else process.env[name] = before[at];
      }
    }
  });
});
