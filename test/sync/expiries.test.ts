import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import csvLockers from '../../connectors/csv-lockers/index.ts';
import ldap from '../../connectors/ldap/index.ts';
import graph from '../../connectors/microsoft-graph/index.ts';
import { onFaultPoint } from '../../src/base/faults.ts';
import { type LogEvent, silentLog } from '../../src/base/log.ts';
import {
  type Connector,
  certificateEnds,
  certificates as certificatesSetting,
  complete,
  connector,
  expiry,
  optionalSecret,
} from '../../src/contract/index.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { daysLeft, expiriesOf } from '../../src/sync/expiries.ts';
import { createJobQueue, type JobQueue, type Jobs } from '../../src/sync/jobs.ts';
import { createMetrics } from '../../src/sync/metrics.ts';
import { deliverNotice } from '../../src/sync/notices.ts';
import { upkeepAll } from '../../src/sync/schedule.ts';
import { type Notice, noticeId } from '../../src/webhooks/index.ts';
import { mailTextOf } from '../../src/webhooks/mail-text.ts';
import { payloadOf } from '../../src/webhooks/webhook.ts';
import { ByteSearch } from '../support/byte-search.ts';
import { certificates } from '../support/certificates.ts';
import { type TestClock, testClock, testDatabase, testHub } from '../support/hub.ts';
import { asOwner, tablesHolding } from '../support/owner.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const pemOf = (name: string) =>
  readFileSync(new URL(`../connectors/microsoft-graph/certificates/${name}.pem`, import.meta.url), 'utf8');
/** The other one ends years before. */
const [APP, OTHER] = [pemOf('app'), certificates.valid.cert];
const endOf = (pem: string) => certificateEnds(pem)[0]!;

/** Signs in with a certificate or a secret, and never reads anything. */
const keyed: Connector = connector({
  name: 'keyed',
  summary: 'A system that wants a certificate.',
  version: 1,
  network: 'None.',
  permission: 'None.',
  settings: {
    certificate: optionalSecret('The certificate.'),
    secret: optionalSecret('The secret.'),
    secret_expires: expiry('secret', 'The end of the secret.'),
    ca: certificatesSetting('Private authorities.'),
  },
  expiries: ({ certificate = '' }) => certificateEnds(certificate).map((at) => ({ setting: 'certificate', at })),
  streams: {
    lockers: {
      key: 'id',
      keep: { number: 'id' },
      async *read() {
        yield complete();
      },
    },
  },
  check: async () => ({ findings: [{ step: 'connection', outcome: 'ok', sentence: 'It answers.' }] }),
});

const odd: Connector = {
  ...keyed,
  name: 'odd',
  expiries: () => {
    throw new Error(`M4RKER ${APP}`);
  },
};

describe('what a setting holds that ends', () => {
  it('is every certificate of a private authority, whichever the connector', () => {
    const bundle = `${certificates.valid.cert}\n${certificates.authority}`;
    const ends = [certificates.valid.cert, certificates.authority].map(endOf);
    for (const one of [ldap, csvLockers, graph])
      expect(
        expiriesOf(one, { ca: bundle }).map(({ at }) => at),
        one.name,
      ).to.deep.equal(ends);
  });

  it('is of Microsoft 365 the certificate that signs in, and the secret whose day is told', () => {
    expect(expiriesOf(graph, { certificate: `${APP}\n${certificates.authority}` })).to.deep.equal([
      { setting: 'certificate', at: endOf(APP) },
    ]);
    expect(expiriesOf(graph, { client_secret: 'x', client_secret_expires: '2027-05-01' })).to.deep.equal([
      { setting: 'client_secret', at: new Date('2027-05-01T00:00:00Z') },
    ]);
    // The day of a secret that was given up for a certificate says nothing any more.
    expect(expiriesOf(graph, { client_secret_expires: '2027-05-01' })).to.deep.equal([]);
  });

  it('is told once of an end that several have, and never of what cannot be read', () => {
    expect(expiriesOf(ldap, { ca: `${certificates.authority}\n${certificates.authority}` })).to.have.length(1);
    const damaged = certificates.authority.replace(/(CERTIFICATE-----\s)..../, '$1AAAA');
    expect(expiriesOf(ldap, { ca: `${damaged}\n${certificates.stranger}` })).to.have.length(1);
    for (const ca of ['M4RKER', '', 7, null, undefined]) expect(expiriesOf(ldap, { ca })).to.deep.equal([]);
    expect(expiriesOf(keyed, { secret: 'x', secret_expires: 'soon' })).to.deep.equal([]);
  });

  it('is due at 30, 7 and 1 days and at its end, and then at the nearest alone', () => {
    const at = new Date('2027-05-01T12:00:00Z');
    const left = (ms: number) => daysLeft(at, new Date(at.getTime() - ms));
    expect([31, 30, 29, 8, 7, 6, 2, 1, 0.5, 0, -400].map((days) => left(days * DAY_MS))).to.deep.equal([
      undefined,
      30,
      30,
      30,
      7,
      7,
      7,
      1,
      1,
      0,
      0,
    ]);
    expect(left(30 * DAY_MS + 1)).to.equal(undefined);
  });
});

describe('certificates and secrets about to end', function () {
  this.timeout(60_000);
  let clock: TestClock;
  let jobs: JobQueue;
  let logged: LogEvent[];
  const log = { event: (_: unknown, event: LogEvent) => void logged.push(event) };
  /** Those of the test: with the clock of another century, nobody else's are kept up. */
  let tenants: { id: string; name: string }[];
  before(async () => {
    jobs = createJobQueue((await testDatabase()).url, silentLog, 'send');
    await jobs.start();
  });
  after(() => jobs.stop());
  beforeEach(() => {
    clock = testClock();
    logged = [];
    tenants = [];
  });
  afterEach(() => onFaultPoint(undefined));

  /** A hub begins, does its upkeep for this tenant's sake, and is gone. */
  async function upkeep(queue: JobQueue = jobs, metrics = createMetrics()) {
    const hub = await testHub({ connectors: [keyed, odd], clock });
    const { connectors } = hub.runDeps;
    const store = { ...hub.store, registry: { ...hub.store.registry, tenants: async () => tenants } };
    await upkeepAll(store, { connectors, jobs: queue, clock, log }, metrics);
    await hub.close();
    return metrics;
  }

  async function tenantWith(settings: Record<string, unknown>, name = 'people'): Promise<HubTenantStore> {
    const hub = await testHub({ connectors: [keyed], clock });
    const tenant = await hub.tenant(() => ({
      notify: [{ webhook: 'https://hooks.example/x', secret: 'whsec_x' }],
      connections: [{ name, connector: 'keyed', settings, streams: {}, paused: false }],
    }));
    tenants.push({ id: tenant.tenantId, name: tenant.tenant });
    return tenant;
  }

  async function change(tenant: HubTenantStore, settings: Record<string, unknown>): Promise<void> {
    const { configuration, version } = (await tenant.configuration.read())!;
    const connections = configuration.connections.map((one) => ({ ...one, settings }));
    await tenant.configuration.write({ ...configuration, connections }, { expected: version, resume: false });
  }

  const enqueued = (tenant: HubTenantStore) =>
    asOwner(async (client) => {
      const { rows } = await client.query<{ data: Jobs['notice'] }>(
        `SELECT data FROM pgboss.job WHERE name = 'notice' AND data->>'tenantId' = $1 ORDER BY data->>'at'`,
        [tenant.tenantId],
      );
      return rows.map(({ data }) => data);
    });
  const told = async (tenant: HubTenantStore) =>
    (await enqueued(tenant)).map(
      (job) => job.kind === 'expiring' && `${job.connection} ${job.setting} ${job.days_left}`,
    );

  /** So many days before the end of `pem`. */
  const daysBefore = (pem: string, days: number) => clock.set(new Date(endOf(pem).getTime() - days * DAY_MS));

  it('are told at 30, 7 and 1 days before and at the end, each once, over restarts', async () => {
    const tenant = await tenantWith({ certificate: APP });
    const expected: string[] = [];
    for (const [days, kind] of [
      [31, undefined],
      [30, 30],
      [29, undefined],
      [7.5, undefined],
      [7, 7],
      [6.9, undefined],
      [1, 1],
      [0.2, undefined],
      [0, 0],
      [-1, undefined],
      [-100, undefined],
    ] as const) {
      daysBefore(APP, days);
      await upkeep();
      await upkeep();
      if (kind !== undefined) expected.push(`people certificate ${kind}`);
      expect(await told(tenant), `${days} days before`).to.deep.equal(expected);
    }
  });

  it('are told of the nearest threshold alone after a time in which no hub ran', async () => {
    const tenant = await tenantWith({ certificate: APP });
    daysBefore(APP, 3);
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['people certificate 7']);
    daysBefore(APP, -3);
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['people certificate 7', 'people certificate 0']);
  });

  it('are told once by two schedulers that look in the same instant', async () => {
    const tenant = await tenantWith({ certificate: APP });
    daysBefore(APP, 20);
    await Promise.all([upkeep(), upkeep(), upkeep()]);
    expect(await told(tenant)).to.deep.equal(['people certificate 30']);
  });

  it('are told after a kill between the mark, the notice and their commit, and once', async () => {
    const tenant = await tenantWith({ certificate: APP });
    daysBefore(APP, 20);
    await upkeep({ ...jobs, send: () => Promise.reject(new Error('killed')) });
    expect(await told(tenant)).to.deep.equal([]);
    let killed = 0;
    await upkeep({
      ...jobs,
      send: async (...given) => {
        await jobs.send(...given);
        onFaultPoint((passed) => {
          if (passed !== 'commit.before') return;
          killed++;
          throw new Error('killed');
        });
      },
    });
    onFaultPoint(undefined);
    expect(killed).to.equal(1);
    expect(await told(tenant)).to.deep.equal([]);
    await upkeep();
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['people certificate 30']);
  });

  it('are told when the mark was committed and the answer of the commit was lost, and once', async () => {
    const tenant = await tenantWith({ certificate: APP });
    daysBefore(APP, 20);
    let marking = false;
    onFaultPoint((passed) => {
      if (marking && passed === 'commit.after') throw new Error('killed');
    });
    await upkeep({
      ...jobs,
      send: async (...given) => {
        await jobs.send(...given);
        marking = true;
      },
    });
    onFaultPoint(undefined);
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['people certificate 30']);
  });

  it('start afresh when the certificate is replaced, and say nothing of the old one', async () => {
    const tenant = await tenantWith({ certificate: OTHER });
    daysBefore(OTHER, 5);
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['people certificate 7']);
    await change(tenant, { certificate: APP });
    expect((await tenant.connections.get('people')).paused).to.equal(false);
    daysBefore(OTHER, -1);
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['people certificate 7']);
    daysBefore(APP, 30);
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['people certificate 7', 'people certificate 30']);
    const marks = await asOwner((client) =>
      client.query(`SELECT expires_at, days_left FROM sluice.expiry_told WHERE tenant_id = $1`, [tenant.tenantId]),
    );
    expect(marks.rows).to.deep.equal([{ expires_at: endOf(APP), days_left: 30 }]);
  });

  it('are told of a secret by the day that was entered for it; another day does not pause the connection', async () => {
    const tenant = await tenantWith({ secret: 'x', secret_expires: '2027-05-01' });
    clock.set(new Date('2027-04-30T00:00:00Z'));
    await upkeep();
    await change(tenant, { secret: 'y', secret_expires: '2029-05-01' });
    expect((await tenant.connections.get('people')).paused).to.equal(false);
    clock.set(new Date('2027-05-02T00:00:00Z'));
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['people secret 1']);
  });

  it('are told of every certificate in a setting, and each tenant of its own', async () => {
    const bundle = `${certificates.authority}\n${certificates.valid.cert}`;
    const one = await tenantWith({ ca: bundle });
    const two = await tenantWith({ certificate: APP }, 'rooms');
    const last = Math.max(...certificateEnds(bundle).map((end) => end.getTime()), endOf(APP).getTime());
    clock.set(new Date(last + HOUR_MS));
    await upkeep();
    const ends = new Set(certificateEnds(bundle).map((end) => end.getTime())).size;
    expect(await told(one)).to.deep.equal(Array.from({ length: ends }, () => 'people ca 0'));
    expect(await told(two)).to.deep.equal(['rooms certificate 0']);
  });

  it('are not told of a connection that is paused, and at the next look once it is resumed', async () => {
    const tenant = await tenantWith({ certificate: APP });
    daysBefore(APP, 20);
    const { id } = await tenant.connections.setPaused('people', true);
    await upkeep();
    expect(await told(tenant)).to.deep.equal([]);
    const hub = await testHub({ connectors: [keyed], clock });
    expect(await hub.sync.expiring(tenant.tenantId)).to.deep.equal([]);
    // Paused after we looked, before we marked.
    const standing = [{ setting: 'certificate', expires_at: endOf(APP), days_left: 30 }];
    expect(await tenant.markExpiries(id, standing, async () => {})).to.deep.equal([]);
    await tenant.connections.setPaused('people', false);
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['people certificate 30']);
  });

  it('of one connection whose code fails keep no other from being told', async () => {
    const tenant = await tenantWith({ certificate: APP }, 'b-people');
    const { configuration, version } = (await tenant.configuration.read())!;
    const other = { ...configuration.connections[0]!, name: 'a-odd', connector: 'odd' };
    await tenant.configuration.write(
      { ...configuration, connections: [other, ...configuration.connections] },
      { expected: version, resume: true },
    );
    daysBefore(APP, 20);
    await upkeep();
    expect(await told(tenant)).to.deep.equal(['b-people certificate 30']);
    expect(JSON.stringify(logged)).not.to.match(/M4RKER|BEGIN/);
  });

  it('stand in check as a note and in the list for `sluice runs`, with what to do', async () => {
    const tenant = await tenantWith({ certificate: APP });
    const hub = await testHub({ connectors: [keyed], clock });
    const seen = async () => ({
      check: (await hub.sync.check(tenant.tenantId, 'people')).findings.flatMap(({ outcome, sentence }) =>
        outcome === 'note' ? [sentence] : [],
      ),
      list: (await hub.sync.expiring(tenant.tenantId)).map(({ sentence }) => sentence),
    });
    daysBefore(APP, 31);
    expect(await seen()).to.deep.equal({ check: [], list: [] });
    daysBefore(APP, 12);
    const day = endOf(APP).toISOString().slice(0, 10);
    const sentence = `What the setting certificate of ${tenant.tenant}/people holds expires on ${day}, in 12 days: make a new one before that and enter it, as the README of keyed says.`;
    expect(await seen()).to.deep.equal({ check: [sentence], list: [sentence] });
    daysBefore(APP, -2);
    expect((await seen()).check[0]).to.match(new RegExp(`expired on ${day}: make a new one`));
  });

  it('show of themselves nothing but their end: in no notice, log line, metric or row', async () => {
    const tenant = await tenantWith({
      certificate: APP,
      secret: 'M4RKER-secret-of-the-test',
      ca: certificates.authority,
    });
    daysBefore(APP, 5);
    const metrics = await upkeep(jobs, createMetrics());
    const sent: Notice[] = [];
    const hub = await testHub({ connectors: [keyed], clock });
    for (const job of await enqueued(tenant)) {
      await deliverNotice(
        {
          store: hub.store,
          sender: () => ({
            send: async (notice, to) => {
              sent.push(notice);
              return to.map((_, entry) => ({ entry, channel: 'webhook' as const, outcome: 'sent' as const }));
            },
            close: async () => {},
          }),
          clock,
          log,
        },
        job,
      );
    }
    const certificate = sent.find(({ expires }) => expires?.setting === 'certificate')!;
    expect(JSON.parse(payloadOf(certificate))).to.deep.include({ type: 'connection.expiring' });
    expect(JSON.parse(payloadOf(certificate)).data).to.include({
      connection: 'people',
      setting: 'certificate',
      expires_at: endOf(APP).toISOString(),
    });
    expect(noticeId(certificate)).to.match(/^notice_[\w-]+_people_certificate_\d+_7$/);
    const mail = mailTextOf(certificate);
    expect(mail.subject).to.equal(`[Sluice] ${tenant.tenant}/people: what it signs in with expires`);
    expect(mail.text)
      .to.match(/in 5 days/)
      .and.to.include(`sluice check ${tenant.tenant}/people`);
    expect(mail.text).not.to.match(/undefined/);
    const shown = await metrics.text();
    expect(shown).to.include(
      `sluice_credential_expires_timestamp_seconds{tenant="${tenant.tenant}",connection="people",setting="certificate"} ${endOf(APP).getTime() / 1000}`,
    );

    const lines = `${APP}\n${certificates.authority}`.split('\n').filter((line) => line.length >= 16);
    const search = new ByteSearch();
    for (const line of lines) search.add(line, Buffer.from(line));
    search.add('the secret', Buffer.from('M4RKER-secret-of-the-test'));
    const rows = await asOwner((client) =>
      client.query<{ row: string }>(`SELECT j::text AS row FROM pgboss.job j WHERE data->>'tenantId' = $1`, [
        tenant.tenantId,
      ]),
    );
    const everything = JSON.stringify([logged, sent, sent.map(payloadOf), sent.map(mailTextOf), rows.rows]) + shown;
    expect(search.look('what was told', Buffer.from(everything))).to.deep.equal([]);
    expect(search.look('the control', Buffer.from(APP))).not.to.deep.equal([]);
    for (const needle of ['M4RKER-secret-of-the-test', lines[1]!])
      expect(await tablesHolding(needle)).to.deep.equal({});
    expect(everything).not.to.match(/CN ?=|BEGIN/);
  });
});
