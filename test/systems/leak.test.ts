import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { parseMasterKey, TenantKeys } from '../../src/crypto/keys.ts';
import { matchKinds } from '../../src/model/model.ts';
import { attachEmbedded, type EmbeddedAttachment } from '../../src/store/embedded/index.ts';
import { logFile, type Place, pgData } from '../../src/store/embedded/place.ts';
import { placeOf } from '../store/embedded-support.ts';
import { ByteSearch, type Found } from '../support/byte-search.ts';
import { certificates } from '../support/certificates.ts';
import { addDigests, addInClear, addUuid } from '../support/disguises.ts';
import { checkpoint, dumpDatabase } from '../support/dump.ts';
import { requires } from '../support/requires.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { type WebSource, webSource } from '../support/web-source.ts';
import { LeakHub } from './leak-hub.ts';
import { ldifOf, type Marked, markedPeople, undeclaredAttributes } from './leak-people.ts';

const ENTRIES = 5_000;
const USERS = 200;

/** All that a pass may ask of this directory while people-directory is on. */
const declared = [
  'department',
  'departmentNumber',
  'entryUUID',
  'givenName',
  'mail',
  'objectClass',
  'objectGUID',
  'sn',
  'telephoneNumber',
  'title',
  'userAccountControl',
];

describe(`a directory of ${ENTRIES} of whom ${USERS} logged on`, function () {
  this.timeout(300_000);
  const people = markedPeople(ENTRIES);
  const users = people.filter((_, n) => n % (ENTRIES / USERS) === 7);
  const strangers = people.filter((one) => !users.includes(one));
  const secret = (what: string) => ({ what, value: randomBytes(18).toString('hex') });
  const secrets = {
    wrong: secret('a wrong password'),
    token: secret('the token of the lockers'),
    garbage: secret('garbage from a server'),
  };
  const lockers = Array.from({ length: 20 }, () => `LK-${randomBytes(10).toString('hex')}`);
  const assignmentKeys = lockers.slice(0, 6).map(() => `no-${randomBytes(10).toString('hex')}`);

  let folder: string;
  let directory: Slapd;
  let facility: WebSource;
  let garbage: Server;
  let hub: LeakHub;
  let server: EmbeddedAttachment;
  let place: Place;
  let keys: TenantKeys;
  let searchesOfPasses: { base: string; attributes: string[] }[];
  let listed: { email: string; given_name: string }[];
  let metrics: string;
  const found: Found[] = [];

  before(async function () {
    requires(this, 'slapd', 'slapadd');
    folder = await mkdtemp(join(tmpdir(), 'sluice-leak-'));
    directory = await startSlapd({ ldif: ldifOf(people) });
    facility = await webSource((request, response) => {
      if (request.headers.authorization !== `Bearer ${secrets.token.value}`) return void response.writeHead(401).end();
      response
        .writeHead(200, { 'content-type': 'text/csv' })
        .end(request.url === '/lockers.csv' ? lockersCsv() : assignmentsCsv());
    });
    garbage = createServer(
      (socket) => void socket.on('error', () => {}).end(`HTTP/1.1 200 OK\r\n\r\n${secrets.garbage.value}`),
    ).listen(0, '127.0.0.1');
    await once(garbage, 'listening');
    hub = new LeakHub(folder, {
      ACME__LDAP_PASSWORD: directory.password,
      ACME__WRONG: secrets.wrong.value,
      ACME__TOKEN: secrets.token.value,
    });
    const file = join(folder, 'acme.yaml');
    await writeFile(file, configuration());
    await hub.start('--config', file);
    await live();
    server = await attachEmbedded({ dataDir: hub.dataDir, purpose: 'leak test' });
    place = await placeOf(hub.dataDir);
    keys = await tenantKeys();
    await searchEverything();
  });

  after(async () => {
    await hub?.remove();
    await server?.release();
    await directory?.stop();
    await facility?.stop();
    garbage?.close();
    if (place && place.folder !== join(hub.dataDir, 'postgres'))
      await rm(place.folder, { recursive: true, force: true });
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const lockersCsv = () =>
    ['LockerNo,Bank,Place,Status,Size', ...lockers.map((no) => `${no},A,Hall,free,M`)].join('\n');
  /** Three of users, three of strangers. */
  const assignmentsCsv = () => {
    const owners = [...users.slice(0, 3), ...strangers.slice(0, 3)];
    return [
      'AssignmentNo,LockerNo,Email,Until,Shared',
      ...owners.map(({ email }, n) => `${assignmentKeys[n]},${lockers[n]},${email},,no`),
    ].join('\n');
  };

  const ldap = (url: string, password: string) => `
    connector: ldap
    schedule: "0 3 1 1 *"
    settings:
      url: ${url}
      bind_dn: ${directory.readerDn}
      bind_password: ${password}
      base_dn: ${directory.baseDn}
      timeout_s: 5`;
  const configuration = () => `version: 1
tenant: acme
name: Acme B.V.
time_zone: Europe/Amsterdam
features:
  people-directory: on
  lockers: on
  find-colleague: on
connections:
  people:${ldap(directory.url, `\${env:ACME__LDAP_PASSWORD}`)}
  locked-out:${ldap(directory.url, `\${env:ACME__WRONG}`)}
  garbage:${ldap(`ldap://127.0.0.1:${(garbage.address() as AddressInfo).port}`, `\${env:ACME__WRONG}`)}
  lockers:
    connector: csv-lockers
    schedule: "0 3 1 1 *"
    settings:
      lockers_url: ${facility.origin}/lockers.csv
      assignments_url: ${facility.origin}/assignments.csv
      token: \${env:ACME__TOKEN}
      ca: |
${certificates.authority.trim().replace(/^/gm, '        ')}
`;

  /** What happens to a tenant in a day: passes before and after log-ons, failures, questions of every kind. */
  async function live(): Promise<void> {
    const scopes = 'users:read,users:write,opt-ins:write,lockers:read,changes:read,sources:read,admin';
    hub.key = JSON.parse(
      await hub.command('key', 'create', 'acme', '--name', 'leak test', '--scopes', scopes, '--json'),
    ).key;
    for (const name of ['people', 'locked-out', 'garbage', 'lockers']) {
      await hub.ask('POST', `/admin/v1/connections/${name}/resume`, {});
      await quiet(name);
    }
    const early = await hub.run('people');
    expect(early.streams.users).to.include({ read: ENTRIES, kept: 0 });
    expect((await hub.ask('GET', '/v1/users')).body.items).to.deep.equal([]);
    for (const { email, givenName, familyName } of users) {
      const answer = await hub.ask('POST', '/v1/logons', { email, given_name: givenName, family_name: familyName });
      expect(answer.status).to.equal(201);
    }
    const first = await hub.run('people');
    expect(first.status).to.equal('succeeded');
    expect(first.streams.users).to.include({ read: ENTRIES, kept: USERS });
    expect(first.streams.users.dropped).to.deep.equal({ 'not-a-user': ENTRIES - USERS });
    expect((await hub.run('people')).streams.users).to.include({ unchanged: USERS, created: 0, updated: 0 });
    expect((await hub.run('lockers')).status).to.equal('succeeded');
    for (const name of ['locked-out', 'garbage']) expect((await hub.run(name)).status, name).to.equal('failed');
    searchesOfPasses = directory.searches().filter(({ base }) => base !== '');
    await askEverything();
    await hub.command('check', 'acme/people');
    await hub.command('preview', 'acme/people', '--user', users[1]!.email);
    await hub.command('runs', 'acme');
    await hub.command('config', 'acme');
  }

  /** A run that resuming began must have ended before another can be asked for. */
  async function quiet(connection: string): Promise<void> {
    for (
      const until = Date.now() + 60_000;
      Date.now() < until;
      await new Promise((resolve) => setTimeout(resolve, 200))
    ) {
      const { body } = await hub.ask('GET', `/admin/v1/runs?connection=${connection}`);
      if (body.items.length > 0 && body.items.every(({ status }: { status: string }) => status !== 'running')) return;
    }
    throw new Error(`The run that resuming ${connection} asks for did not end.`);
  }

  async function askEverything(): Promise<void> {
    listed = [];
    for (let next: string | null = ''; next !== null; ) {
      const { body } = await hub.ask('GET', `/v1/users?limit=90${next ? `&cursor=${encodeURIComponent(next)}` : ''}`);
      listed.push(...body.items);
      next = body.next;
    }
    metrics = (await hub.ask('GET', '/metrics')).text;
    const paths = [
      '/v1/changes?include=entities&limit=1000',
      '/v1/sources',
      '/admin/v1/connections',
      '/admin/v1/connections/people',
      '/admin/v1/runs',
      '/admin/v1/keys',
      '/openapi.json',
      '/health/ready',
      '/v1/users/0199b3f2-0000-7000-8000-000000000000',
    ];
    for (const path of paths) await hub.ask('GET', path);
    for (const name of ['people', 'locked-out', 'garbage', 'lockers']) {
      await hub.ask('POST', `/admin/v1/connections/${name}/check`, {});
      await hub.ask('POST', `/admin/v1/connections/${name}/preview`, { limit: 6_000 });
    }
    // A stranger asked about by name: why they are turned away, and nothing else of them.
    await hub.ask('POST', '/admin/v1/connections/people/preview', { user: strangers[0]!.email, limit: 6_000 });
    await hub.ask('POST', '/v1/logons', {
      email: users[0]!.email,
      given_name: users[0]!.givenName,
      family_name: users[0]!.familyName,
    });
    await hub.ask('POST', '/v1/logons', { email: 'no address', given_name: 'x', family_name: 'y' });
  }

  async function tenantKeys(): Promise<TenantKeys> {
    const client = new pg.Client({ connectionString: server.migrateUrl });
    await client.connect();
    try {
      const { rows } = await client.query<{ tenant_id: string; data_key: Buffer; digest_key: Buffer }>(
        'SELECT * FROM sluice.tenant_key',
      );
      const master = parseMasterKey(await readFile(join(hub.dataDir, 'key'), 'utf8'));
      return new TenantKeys(master, rows[0]!.tenant_id, { dataKey: rows[0]!.data_key, digestKey: rows[0]!.digest_key });
    } finally {
      await client.end();
    }
  }

  const namesOf = ({ email, givenName, familyName, uid, phone, title, department }: Marked) =>
    Object.entries({ email, givenName, familyName, uid, phone, title, department });

  /** Whatever a hub with these keys could have made of a person, by what it would mean to find it. */
  function needles(): ByteSearch {
    const search = new ByteSearch();
    for (const [whose, group] of [
      ['stranger', strangers],
      ['user', users],
    ] as const) {
      for (const one of group) {
        for (const [what, value] of namesOf(one)) {
          addInClear(search, `${whose}: ${what}`, value);
          addDigests(search, `${whose}: ${what}`, value);
        }
        addUuid(search, `${whose}: entryUUID`, one.entryUuid);
        addDigests(search, `${whose}: entryUUID`, one.entryUuid);
        for (const value of [one.email, `people:${one.entryUuid}`, one.entryUuid, one.uid, one.phone])
          for (const kind of matchKinds) addKeyed(search, `${whose}-keyed: ${kind}`, keys.digest(kind, value));
      }
    }
    // Nothing undeclared is kept of anybody, users included.
    for (const [n, { undeclared }] of people.entries())
      for (const [attribute, value] of Object.entries(undeclared)) {
        search.add(`undeclared: ${attribute}`, Buffer.from(value));
        if (n % 50 === 7) {
          addInClear(search, `undeclared: ${attribute}`, value);
          addDigests(search, `undeclared: ${attribute}`, value);
        }
      }
    for (const { what, value } of Object.values(secrets)) addInClear(search, `secret: ${what}`, value);
    for (const key of assignmentKeys.slice(3)) addInClear(search, 'undeclared: key of a stranger’s assignment', key);
    for (const number of lockers) search.add('locker: number', Buffer.from(number));
    return search;
  }

  function addKeyed(search: ByteSearch, what: string, digest: Buffer): void {
    search.add(what, digest);
    search.add(`${what}, hex`, Buffer.from(digest.toString('hex')));
    search.add(`${what}, base64`, Buffer.from(digest.toString('base64')));
  }

  /** Each place while the hub runs, again with all memory written out, and once more after it has stopped. */
  async function searchEverything(): Promise<void> {
    const search = needles();
    const look = (where: string, bytes: Uint8Array) => found.push(...search.look(where, bytes));
    const lookInFiles = async () => {
      for (const each of [pgData(place), hub.temporary]) found.push(...(await search.lookInFolder(each)).found);
      look('server log', await readFile(logFile(place)));
    };
    await lookInFiles();
    for (const [table, rows] of await dumpDatabase(server.migrateUrl)) look(`dump of ${table}`, rows);
    await checkpoint(server.migrateUrl);
    await lookInFiles();
    await server.release();
    await hub.stop();
    await lookInFiles();
    look('log', hub.printed);
    look('metrics', Buffer.from(metrics));
    look('answers', hub.answers);
    // The control of the log: a line such as careless code would write, found by the same search.
    const careless = join(folder, 'careless.log');
    await appendFile(
      careless,
      `{"level":10,"msg":"skipped","entry":${JSON.stringify(Buffer.from(strangers[9]!.familyName).toString('base64'))}}\n`,
    );
    look('careless log', await readFile(careless));
  }

  const about = (kind: string, ...places: string[]) =>
    found.filter(
      ({ what, where }) =>
        what.startsWith(`${kind}: `) &&
        where !== 'careless log' &&
        (places.length === 0 || places.some((one) => where.startsWith(one))),
    );
  const shown = (some: readonly Found[]) =>
    [...new Set(some.map(({ what, where }) => `${what} in ${where}`))].slice(0, 20);

  it(`makes exactly ${USERS} users, with what the directory says of them`, () => {
    expect(listed.map(({ email }) => email)).to.have.members(users.map(({ email }) => email));
    const [one] = users;
    const shownUser = listed.find(({ email }) => email === one!.email);
    expect(shownUser).to.include({
      given_name: one!.givenName,
      phone: one!.phone,
      job_title: one!.title,
      department: one!.department,
    });
  });

  it('leaves nothing of the others anywhere: no value in clear or encoded, no digest, not even one made with the hub’s keys', () => {
    expect(shown(about('stranger'))).to.deep.equal([]);
    expect(shown(about('stranger-keyed'))).to.deep.equal([]);
  });

  it('leaves no name, address or number of a user in clear outside the answers of the interface', () => {
    expect(shown(about('user').filter(({ where }) => where !== 'answers'))).to.deep.equal([]);
  });

  it(`leaves nothing of ${undeclaredAttributes.length} undeclared attributes, of users neither`, () => {
    expect(undeclaredAttributes.length).to.be.above(15);
    expect(shown(about('undeclared'))).to.deep.equal([]);
  });

  it('leaves no password, token or answer of a broken server', () => {
    expect(shown(about('secret'))).to.deep.equal([]);
  });

  it('asks on the wire for exactly the declared attributes', () => {
    expect(searchesOfPasses.length).to.be.above(10);
    const asked = new Set(searchesOfPasses.flatMap(({ attributes }) => attributes));
    expect([...asked].filter((attribute) => !declared.includes(attribute))).to.deep.equal([]);
    expect([...asked]).to.include.members([
      'entryUUID',
      'mail',
      'givenName',
      'sn',
      'telephoneNumber',
      'title',
      'departmentNumber',
    ]);
    const empty = searchesOfPasses.filter(({ attributes }) => attributes.length === 0);
    expect(empty, 'a search without a list asks for everything').to.deep.equal([]);
    // Whatever else was asked since, by check and preview, named what it wanted.
    expect(
      directory
        .searches()
        .flatMap(({ attributes }) => attributes)
        .filter((attribute) => /[*+]/.test(attribute)),
    ).to.deep.equal([]);
  });

  it('is searched by something that finds: a locker’s number, a user’s digest, a user’s name, a careless log line', () => {
    const places = (kind: string) =>
      ['/pg_wal/', '/base/', 'dump of '].filter((part) => about(kind).some(({ where }) => where.includes(part)));
    expect(places('locker')).to.deep.equal(['/pg_wal/', '/base/', 'dump of ']);
    expect(places('user-keyed')).to.deep.equal(['/pg_wal/', '/base/', 'dump of ']);
    expect(about('user', 'answers').length).to.be.at.least(3);
    expect(found.filter(({ where }) => where === 'careless log')).to.have.length(1);
  });
});
