import { expect } from 'chai';
import { sentenceFor } from '../../../connectors/microsoft-graph/entra-refusal.ts';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { isOurs, pinned } from '../../../connectors/microsoft-graph/links.ts';
import { type Net, streamOf, TryLater } from '../../../src/contract/index.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { certificates } from '../../support/certificates.ts';
import { all, everythingAbout, failureOf } from '../../support/failure.ts';
import { netForTests } from '../../support/guarded-net.ts';
import { webSource } from '../../support/web-source.ts';
import { applications, clientSecret, contextFor, putRoom, read, sandbox, tenantId, told } from './support.ts';

const pem = ({ cert, key }: { cert: string; key: string }) => `${cert}\n${key}`;

const keyOf = (text: string) => text.slice(text.indexOf('-----BEGIN PRIVATE'));

describe('microsoft-graph sign-in', () => {
  let source: SandboxGraph;
  beforeEach(async () => {
    source = await sandbox({ certificates: [applications.app] });
    source.putUser({ id: '1', mail: 'ada@acme.example' });
  });
  afterEach(() => source.stop());

  const refusal = (settings: Record<string, unknown>) => failureOf(read(source, 'users', { settings }));
  const byCertificate = (certificate: string) => ({ client_secret: undefined, certificate });

  it('works with a certificate and its key', async () => {
    const items = await read(source, 'users', { settings: byCertificate(applications.app) });
    expect(told(items)).to.have.length(1);
  });

  it('refuses a certificate that has expired, lacks its key or is damaged, before anybody is asked', async () => {
    const damaged = certificates.valid.cert.replace(/(CERTIFICATE-----\s)..../, '$1AAAA');
    for (const [certificate, says] of [
      [pem(certificates.expired), /certificate expired on \d{4}-\d\d-\d\d: make a new one/],
      [certificates.valid.cert, /a certificate and its private key/],
      [certificates.valid.key, /a certificate and its private key/],
      [`${damaged}\n${certificates.valid.key}`, /damaged/],
      [pem(certificates.valid), /not RSA/],
      [
        `${applications.app.slice(0, applications.app.indexOf('-----BEGIN PRIVATE'))}${keyOf(applications.stranger)}`,
        /another's/,
      ],
    ] as const) {
      const error = await refusal(byCertificate(certificate));
      expect(error.message)
        .to.match(says)
        .and.match(/README|PEM/);
      expect(everythingAbout(error)).not.to.match(/BEGIN|MII/);
    }
    expect(source.requests()).to.deep.equal([]);
  });

  it('names the setting when Entra refuses, with the number to look up and nothing that was sent', async () => {
    for (const [settings, says] of [
      [{ client_secret: 'M4RKER-secret' }, /client_secret is wrong.*AADSTS7000215/],
      [byCertificate(applications.stranger), /certificate is not, or no longer, one of.*AADSTS700027/],
      [{ tenant_id: '00000000-0000-4000-8000-000000000404' }, /correct tenant_id.*AADSTS90002/],
      [{ client_id: '00000000-0000-4000-8000-000000000404' }, /correct client_id.*AADSTS700016/],
    ] as const) {
      const error = await refusal(settings);
      expect(error.message)
        .to.match(says)
        .and.match(/"Sign-in" in the README of microsoft-graph/);
      expect(everythingAbout(error)).not.to.match(/M4RKER|Trace ID|0{8}-/);
      expect(error.cause).to.equal(undefined);
    }
  });

  it('says of every other refusal what to check, and its number', () => {
    expect(sentenceFor({ status: 400, codes: [7000222] }, 'client_secret').message).to.match(/has expired/);
    expect(sentenceFor({ status: 400, codes: [123456] }, 'certificate').message).to.match(
      /AADSTS123456\): check tenant_id, client_id and certificate/,
    );
    expect(sentenceFor({ status: 400, codes: [] }, 'client_secret').message).to.match(/\(400\)/);
    expect(sentenceFor({ status: 400, codes: [90033] }, 'client_secret').recovery).to.equal('try-later');
    expect(sentenceFor(undefined, 'client_secret').message).to.match(/correct login_url/);
  });

  it('happens once for all that a run reads', async () => {
    putRoom(source);
    const context = contextFor(source, 'users');
    const spaces = contextFor(source, 'spaces');
    await Promise.all([
      all(streamOf(graph, 'users')!.read(context)),
      all(streamOf(graph, 'spaces')!.read({ ...spaces, net: context.net, settings: context.settings })),
    ]);
    expect(source.requests().filter(({ url }) => url.includes('/token'))).to.have.length(1);
  });

  it('takes secret and token to the hosts in the settings and to no other', async () => {
    await using login = await webSource((request, response) => {
      const at = `https://${request.headers.host}/${tenantId}`;
      response.writeHead(200, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          issuer: `${at}/v2.0`,
          authorization_endpoint: `${at}/oauth2/v2.0/authorize`,
          token_endpoint: `${source.loginUrl}/${tenantId}/oauth2/v2.0/token`,
          jwks_uri: `${at}/discovery/v2.0/keys`,
        }),
      );
    });
    const error = await failureOf(read(source, 'users', { settings: { login_url: login.origin } }));
    expect(error.message).to.match(/another server than login_url/);
    expect(source.requests()).to.deep.equal([]);
  });

  it('asks nobody but login_url, in every cloud', async () => {
    for (const login_url of [
      'https://login.microsoftonline.com',
      'https://login.microsoftonline.us',
      'https://login.partner.microsoftonline.cn',
      'https://login.emulator.example:8443',
    ]) {
      const asked: string[] = [];
      const net: Net = {
        ...netForTests(),
        http: async ({ url }) => {
          asked.push(new URL(url).origin);
          throw new TryLater('The host of the test is away; the next run tries again.');
        },
      };
      const context = contextFor(source, 'users', { settings: { login_url } });
      const error = await failureOf(all(streamOf(graph, 'users')!.read({ ...context, net })));
      expect(error.message).to.match(/host of the test is away/);
      expect([...new Set(asked)]).to.deep.equal([login_url]);
    }
  });

  it('asks of the guarded network only, and tells the login host no token and Graph no secret', async () => {
    const asked: { url: string; bearer: string | undefined; text: string }[] = [];
    const net = netForTests();
    const watched: Net = {
      ...net,
      http: (request) => {
        asked.push({ url: request.url, bearer: request.bearer, text: JSON.stringify(request) });
        return net.http(request);
      },
    };
    await all(streamOf(graph, 'users')!.read({ ...contextFor(source, 'users'), net: watched }));
    expect(asked).to.have.length(source.requests().length);
    for (const { url, bearer, text } of asked) {
      expect(bearer !== undefined, url).to.equal(url.includes('/v1.0/'));
      expect(text.includes(clientSecret), url).to.equal(url.includes('/token'));
    }
  });
});

describe('microsoft-graph links', () => {
  const origin = 'https://graph.microsoft.com';

  it('are followed on the configured host alone', () => {
    for (const elsewhere of [
      'https://graph.microsoft.com.evil.example/v1.0/users/delta?$skiptoken=x',
      'https://graph.microsoft.com@evil.example/v1.0/users/delta',
      'https://graph.microsoft.com:444/v1.0/users/delta',
      'http://graph.microsoft.com/v1.0/users/delta',
      '//evil.example/v1.0/users/delta',
      'https://GRAPH.microsoft.com/../beta/users',
      'https://graph.microsoft.com/beta/users/delta?$skiptoken=x',
      'users/delta?$skiptoken=x',
      '',
    ])
      expect(() => pinned(elsewhere, origin), elsewhere).to.throw(/another server than graph_url/);
  });

  it('are sent as they came, letter by letter', async () => {
    const path = "/v1.0/users('ada%40acme.example')/delta?$deltatoken=a%2Bb+c%3d==&$select=x&$select=y&(odd=1";
    expect(pinned(`${origin}${path}`, origin)).to.equal(path);
    await using server = await webSource((_request, response) => response.end('{}'));
    const asked: string[] = [];
    const net: Net = {
      ...netForTests(),
      http: async ({ url }) => {
        asked.push(url);
        return { status: 200, headers: {}, body: Buffer.from('{"value":[]}') };
      },
    };
    const { GuardedTransport } = await import('../../../connectors/microsoft-graph/transport.ts');
    const transport = new GuardedTransport(server.origin, undefined, net, { token: async () => 'token' });
    await transport.execute({ request: 'ignored', options: { carried: { link: `${server.origin}${path}` } } as never });
    expect(asked).to.deep.equal([`${server.origin}${path}`]);
  });

  it('from a state are followed only if they are paths of Graph', () => {
    for (const bad of [
      undefined,
      7,
      '',
      'https://evil.example/v1.0/users/delta',
      '//evil.example/v1.0/',
      '/beta/users',
      `/v1.0/${'x'.repeat(50_000)}`,
      '/v1.0/users\r\nx: y',
    ])
      expect(isOurs(bad), String(bad).slice(0, 60)).to.equal(false);
    expect(isOurs('/v1.0/users/delta?$deltatoken=x')).to.equal(true);
  });
});
