import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { sentenceFor } from '../../../connectors/microsoft-graph/entra-refusal.ts';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { LogEvent } from '../../../src/base/log.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import type { HubTenantStore } from '../../../src/store/index.ts';
import { type TestHub, testHub } from '../../support/hub.ts';
import { tablesHolding } from '../../support/owner.ts';
import { completed, sandbox, settingsFor } from './support.ts';

const issuer = 'https://oidc.cluster.example/7f3a/';
const subject = 'system:serviceaccount:sluice:acme';
const pair = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const [ours, others] = [pair(), pair()];
const publicKey = ours.publicKey.export({ type: 'spki', format: 'pem' }).toString();

/** As a cluster projects it into the file. */
function token(claims: object = {}, key = ours, alg = 'RS256'): string {
  const now_s = Math.floor(Date.now() / 1000);
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const usual = { iss: issuer, sub: subject, aud: ['api://AzureADTokenExchange'], nbf: now_s, exp: now_s + 3600 };
  const head = `${encode({ alg, kid: 'M4RKER' })}.${encode({ ...usual, ...claims })}`;
  return `${head}.${sign('sha256', Buffer.from(head), key.privateKey).toString('base64url')}`;
}

describe('microsoft-graph sign-in by workload identity', function () {
  this.timeout(60_000);
  let folder: string;
  let file: string;
  let source: SandboxGraph;
  let hub: TestHub;
  let tenant: HubTenantStore;
  let logged: LogEvent[];
  const tokenFiles = new Map<string, string>();

  before(async () => {
    hub = await testHub({
      connectors: [graph],
      net: { tokenFiles },
      log: { event: (_, event) => void logged.push(event) },
    });
  });
  beforeEach(async () => {
    logged = [];
    tokenFiles.clear();
    folder = mkdtempSync(join(tmpdir(), 'sluice-identity-'));
    file = join(folder, 'token');
    source = await sandbox({ federated: [{ issuer, subject, publicKey }] });
    source.putUser({ id: '00000000-0000-4000-8000-000000000001', mail: 'ada@acme.example' });
    tenant = await tenantWith({ client_secret: undefined, workload_identity: true });
    tokenFiles.set(tenant.tenant, file);
    writeFileSync(file, token());
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    await source.stop();
  });

  function tenantWith(settings: Record<string, unknown>): Promise<HubTenantStore> {
    const given = Object.entries({ ...settingsFor(source), ...settings }).filter(([, value]) => value !== undefined);
    return hub.tenant(() => ({
      connections: [
        {
          name: 'm365',
          connector: 'microsoft-graph',
          settings: completed(Object.fromEntries(given)),
          streams: {},
          paused: false,
        },
      ],
    }));
  }
  const run = ({ tenantId } = tenant) => hub.sync.run({ tenantId, connection: 'm365', trigger: 'manual' });
  const asked = () => source.requests().filter(({ url }) => url.includes('/token')).length;

  it('works with the token that the operator lends the tenant', async () => {
    const receipt = await run();
    expect(receipt.error).to.equal(undefined);
    expect(receipt.streams.users).to.include({ read: 1 });
    expect(asked()).to.equal(1);
  });

  it('takes the token that stands in the file at that moment', async () => {
    writeFileSync(file, token({ exp: Math.floor(Date.now() / 1000) - 600, nbf: 0 }));
    expect((await run()).error).to.match(
      /machine's token has expired.*SLUICE_WORKLOAD_IDENTITY is renewed.*AADSTS700024/,
    );
    writeFileSync(file, token());
    expect((await run()).status).to.equal('succeeded');
  });

  it('is refused to every other tenant, before anybody is asked', async () => {
    const other = await tenantWith({ client_secret: undefined, workload_identity: true });
    const receipt = await run(other);
    expect(receipt.status).to.equal('failed');
    expect(receipt.error).to.include(`ask for ${other.tenant}= and the file of its token in SLUICE_WORKLOAD_IDENTITY`);
    expect(source.requests()).to.deep.equal([]);
    const { findings } = await hub.sync.check(other.tenantId, 'm365');
    expect(findings.find(({ outcome }) => outcome === 'failed')?.step).to.equal('sign-in');
    expect(asked()).to.equal(0);
  });

  it('is one of three ways, and not beside another; `off` is as if it were not set', async () => {
    const both = await run(await tenantWith({ workload_identity: true }));
    expect(both.error).to.match(
      /exactly one of client_secret, certificate and workload_identity, and client_secret and w/,
    );
    expect((await run(await tenantWith({ workload_identity: false }))).status).to.equal('succeeded');
  });

  it('says what does not fit when Entra refuses, and nothing of the token', async () => {
    for (const [bad, says] of [
      [token({ iss: 'https://elsewhere.example/' }), /another issuer.*AADSTS700211/],
      [token({ sub: subject.toUpperCase() }), /another subject.*capitals count.*AADSTS700213/],
      [token({ aud: 'https://kubernetes.default.svc' }), /audience api:\/\/AzureADTokenExchange.*AADSTS700212/],
      [token({}, others), /does not publish the key.*AADSTS7000272/],
      [token({}, ours, 'none'), /does not publish the key.*AADSTS7000272/],
      [token().replace(/\.[^.]+$/, '.AAAA'), /does not publish the key.*AADSTS7000272/],
    ] as const) {
      writeFileSync(file, bad);
      const { error } = await run();
      expect(error)
        .to.match(says)
        .and.match(/"Sign-in" in the README of microsoft-graph/);
      expect(error).not.to.match(/elsewhere|oidc\.cluster|serviceaccount|eyJ/i);
    }
    const numbered = (code: number) => sentenceFor({ status: 401, codes: [code] }, 'workload_identity').message;
    expect(numbered(70021)).to.match(/no federated credential/);
    expect(numbered(7002138)).to.match(/another subject.*AADSTS7002138/);
    expect(numbered(700222)).to.match(/gave out itself/);
    expect(numbered(123456)).to.match(/check tenant_id, client_id and workload_identity/);
    // What it says of a certificate stays as it was.
    expect(sentenceFor({ status: 401, codes: [700024] }, 'certificate').message).to.match(/by certificate/);
  });

  it('needs a federated credential at the app registration', async () => {
    await source.stop();
    source = await sandbox();
    tenant = await tenantWith({ client_secret: undefined, workload_identity: true });
    tokenFiles.set(tenant.tenant, file);
    expect((await run()).error).to.match(/no federated credential.*AADSTS70021\)/);
  });

  it('leaves the token in no log line, receipt or row, whether it works or not', async () => {
    const good = token();
    const bad = token({ exp: 1 });
    const kept: unknown[] = [];
    for (const text of [good, bad, 'M4RKER.M4RKER']) {
      writeFileSync(file, text);
      kept.push(await run(), await hub.sync.check(tenant.tenantId, 'm365'));
    }
    const everything = JSON.stringify([kept, logged, source.requests()]);
    expect(logged.length).to.be.at.least(6);
    for (const text of [good, bad]) {
      for (const part of text.split('.')) expect(everything.includes(part), part).to.equal(false);
      expect(await tablesHolding(text.split('.')[2]!)).to.deep.equal({});
    }
    expect(everything).not.to.match(/M4RKER/);
    expect(everything.includes(folder)).to.equal(false);
  });
});
