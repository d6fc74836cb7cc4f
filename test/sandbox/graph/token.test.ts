import { constants, createHash, sign as signWith, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { startSandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { certificates } from '../../support/certificates.ts';
import { askToken, type Client, clientId, clientSecret, connect, send, tenantId } from './support.ts';

const pem = (file: string) => readFileSync(new URL(`certificates/${file}`, import.meta.url), 'utf8');
const keyPair = (name: string) => ({ key: pem(`${name}.key`), cert: pem(`${name}.crt`) });
const application = keyPair('application');

const stranger = '00000000-0000-4000-8000-000000000000';

describe('the Entra endpoints of the sandbox', () => {
  let now = new Date('2026-03-01T12:00:00Z');
  let client: Client;
  beforeEach(async () => {
    now = new Date('2026-03-01T12:00:00Z');
    client = await connect({ clock: { now: () => now }, certificates: [application.cert, certificates.valid.cert] });
  });
  afterEach(() => client.graph.stop());

  it('give a token that looks like a JWT with the roles granted', async () => {
    const { body, headers } = await askToken(client.graph);
    expect(body).to.include({ token_type: 'Bearer', expires_in: 3599 });
    expect(headers['cache-control']).to.include('no-store');
    const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString());
    expect(claims.roles).to.deep.equal(['User.Read.All', 'Place.Read.All', 'Calendars.ReadBasic.All']);
    expect(claims.exp - now.getTime() / 1000).to.equal(3599);
  });

  const wrong: readonly [string, Record<string, string>, string, number, number, string][] = [
    ['a wrong secret', { client_secret: 'x' }, tenantId, 401, 7000215, 'invalid_client'],
    ['an unknown client', { client_id: stranger }, tenantId, 400, 700016, 'unauthorized_client'],
    ['an unknown tenant', {}, stranger, 400, 90002, 'invalid_request'],
    ['another grant', { grant_type: 'password' }, tenantId, 400, 70003, 'unsupported_grant_type'],
    ['a scope that is not .default', { scope: 'User.Read' }, tenantId, 400, 1002012, 'invalid_scope'],
    ['another resource', { scope: 'https://graph.example/.default' }, tenantId, 400, 500011, 'invalid_resource'],
  ];
  for (const [what, form, tenant, status, number, error] of wrong) {
    it(`refuse ${what} as AADSTS${number}`, async () => {
      const answer = await askToken(client.graph, form, tenant);
      expect(answer.status).to.equal(status);
      expect(answer.body).to.include({ error });
      expect(answer.body.error_codes).to.deep.equal([number]);
      expect(answer.body.error_description).to.match(new RegExp(`^AADSTS${number}: `));
      expect(answer.body).to.include.keys('timestamp', 'trace_id', 'correlation_id');
    });
  }

  it('answer what @azure/identity asks before it asks for a token', async () => {
    const { loginUrl } = client.graph;
    const discovery = await send(`${loginUrl}/common/discovery/instance?api-version=1.1`);
    const { body } = await send(discovery.body.tenant_discovery_endpoint);
    expect(body.token_endpoint).to.equal(`${loginUrl}/${tenantId}/oauth2/v2.0/token`);
    expect(discovery.body.metadata[0].aliases).to.deep.equal([new URL(loginUrl).host]);
  });

  describe('with a certificate', () => {
    const assertion = (alg: 'RS256' | 'PS256', more: object = {}, cert = application) => {
      const thumbprint = createHash('sha256').update(new X509Certificate(cert.cert).raw).digest('base64url');
      const now_s = now.getTime() / 1000;
      const claims = {
        iss: clientId,
        sub: clientId,
        aud: `${client.graph.loginUrl}/${tenantId}/oauth2/v2.0/token`,
        nbf: now_s,
        exp: now_s + 600,
        ...more,
      };
      const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const head = `${encode({ alg, typ: 'JWT', 'x5t#S256': thumbprint })}.${encode(claims)}`;
      const padding = alg === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
      return `${head}.${signWith('sha256', Buffer.from(head), { key: cert.key, ...padding }).toString('base64url')}`;
    };
    const ask = (client_assertion: string) =>
      askToken(client.graph, {
        client_assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });

    for (const alg of ['RS256', 'PS256'] as const) {
      it(`take an assertion signed by ${alg}`, async () => {
        expect((await ask(assertion(alg))).status).to.equal(200);
      });
    }

    it('refuse one signed by another key, changed, or not signed at all', async () => {
      const [head, claims, signature] = assertion('RS256').split('.');
      const [, others] = assertion('RS256', { exp: now.getTime() / 1000 + 601 }).split('.');
      const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
      for (const bad of [
        assertion('RS256', {}, keyPair('other')),
        // Of a key that is registered, and of another kind than the algorithm named.
        assertion('RS256', {}, certificates.valid),
        `${head}.${others}.${signature}`,
        `${none}.${claims}.x`,
        `${head}.${claims}.`,
        'x',
      ]) {
        const { status, body } = await ask(bad);
        expect([status, body.error_codes[0]]).to.deep.equal([401, 700027]);
      }
    });

    it('refuse one that has run out, is for another audience, or of another client', async () => {
      const now_s = now.getTime() / 1000;
      const numberOf = async (more: object) => (await ask(assertion('PS256', more))).body.error_codes[0];
      expect(await numberOf({ exp: now_s - 301 })).to.equal(700024);
      expect(await numberOf({ nbf: now_s + 301 })).to.equal(700024);
      expect(await numberOf({ aud: 'https://login.microsoftonline.com/x' })).to.equal(700023);
      expect(await numberOf({ sub: stranger })).to.equal(700021);
    });
  });

  describe('with the token of an issuer that the application trusts', () => {
    const issuer = 'https://issuer.example/';
    let federated: Client;
    beforeEach(async () => {
      const publicKey = new X509Certificate(application.cert).publicKey
        .export({ type: 'spki', format: 'pem' })
        .toString();
      const trusted = [
        { issuer, subject: 'workload', publicKey },
        { issuer, subject: 'other', audience: 'api://own', publicKey },
      ];
      federated = await connect({ clock: { now: () => now }, federated: trusted });
    });
    afterEach(() => federated.graph.stop());

    const tokenOf = (more: object = {}, key = application.key) => {
      const now_s = now.getTime() / 1000;
      const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const claims = { iss: issuer, sub: 'workload', aud: 'api://AzureADTokenExchange', exp: now_s + 600, ...more };
      const head = `${encode({ alg: 'RS256' })}.${encode(claims)}`;
      return `${head}.${signWith('sha256', Buffer.from(head), key).toString('base64url')}`;
    };
    const ask = async (client_assertion: string, of = federated) => {
      const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
      const { status, body } = await askToken(of.graph, { client_assertion, client_assertion_type });
      return status === 200 ? 200 : body.error_codes[0];
    };

    it('take it, for the audience that its federated credential names', async () => {
      expect(await ask(tokenOf())).to.equal(200);
      expect(await ask(tokenOf({ sub: 'other', aud: ['x', 'api://own'] }))).to.equal(200);
    });

    it('refuse it by what does not fit', async () => {
      expect(await ask(tokenOf({ iss: 'https://issuer.example' }))).to.equal(700211);
      expect(await ask(tokenOf({ sub: 'Workload' }))).to.equal(700213);
      expect(await ask(tokenOf({ sub: 'other' }))).to.equal(700212);
      expect(await ask(tokenOf({}, keyPair('other').key))).to.equal(7000272);
      expect(await ask(tokenOf({ exp: now.getTime() / 1000 - 301 }))).to.equal(700024);
      expect(await ask(tokenOf({ nbf: now.getTime() / 1000 + 301 }))).to.equal(700024);
      expect(await ask(tokenOf(), client)).to.equal(70021);
    });
  });

  describe('and the check of tokens', () => {
    const unauthorised = async (authorization: string) => {
      const { status, headers, body } = await client.get('/users', authorization ? { authorization } : {});
      expect(status).to.equal(401);
      expect(body.error.code).to.equal('InvalidAuthenticationToken');
      expect(body.error.innerError).to.include.keys('date', 'request-id');
      expect(headers['www-authenticate']).to.match(/^Bearer /);
      return body.error.message;
    };

    it('refuses none, garbage, and one of another service', async () => {
      await unauthorised('Bearer');
      await unauthorised('Bearer abc');
      const other = await startSandboxGraph({ tls: certificates.valid, tenantId, clientId, clientSecret });
      const { body } = await askToken(other);
      await other.stop();
      await unauthorised(`Bearer ${body.access_token}`);
    });

    it('refuses one that was asked for another service', async () => {
      const { body } = await askToken(client.graph, { scope: 'https://outlook.office365.com/.default' });
      expect(await unauthorised(`Bearer ${body.access_token}`)).to.match(/Invalid audience/);
    });

    it('refuses one whose roles were changed', async () => {
      const [head, claims, signature] = (await askToken(client.graph)).body.access_token.split('.');
      const more = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), roles: ['Directory.Read.All'] };
      await unauthorised(`Bearer ${head}.${Buffer.from(JSON.stringify(more)).toString('base64url')}.${signature}`);
    });

    it('refuses one from the second in which it runs out', async () => {
      now = new Date(now.getTime() + 3_598_000);
      expect((await client.get('/users')).status).to.equal(200);
      now = new Date(now.getTime() + 1000);
      expect((await client.get('/users')).status).to.equal(401);
    });
  });
});
