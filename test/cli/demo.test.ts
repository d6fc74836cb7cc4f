import { mkdtemp, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Receipt } from '../../src/model/receipt.ts';
import { foundCompany } from '../../src/sandbox/company.ts';
import { derivedUuid } from '../../src/sandbox/derived.ts';
import { entryOf } from '../../src/sandbox/employee.ts';
import { diaryTitles } from '../../src/sandbox/microsoft365/diaries.ts';
import { usersOf } from '../../src/sandbox/microsoft365/people.ts';
import { rooms } from '../../src/sandbox/microsoft365/places.ts';
import { attachEmbedded } from '../../src/store/embedded/index.ts';
import { pgData } from '../../src/store/embedded/place.ts';
import { placeOf } from '../store/embedded-support.ts';
import { ByteSearch, type Found, NEEDLE_BYTES } from '../support/byte-search.ts';
import { addInClear } from '../support/disguises.ts';
import { checkpoint, dumpDatabase } from '../support/dump.ts';
import { GraphCalendars, type Person, Timeline, type ToldEvent } from '../support/graph-calendars.ts';
import { json, removeData, type Started, sluice, startSluice } from './support.ts';

const SEED = 7;
const DAY_MS = 86_400_000;

interface Summary {
  readonly url: string;
  readonly key: string;
  readonly admin_key: string;
  readonly log_ons: { created: number; known: number };
  readonly opted_in: readonly string[];
  readonly receipt: Receipt;
  readonly calendar_receipt: Receipt;
}

interface Availability {
  readonly space: string;
  readonly status: string;
  readonly busy: readonly { from: string; to: string; tentative: boolean }[];
  readonly free: readonly { from: string; to: string }[];
}

describe('the demo', function () {
  this.timeout(120_000);

  let data: string;
  let env: NodeJS.ProcessEnv;
  const started: Started[] = [];
  const demo = (...more: string[]) => {
    const one = startSluice(['demo', '--quiet', '--port', '0', '--json', ...more], env);
    started.push(one);
    return one;
  };
  const ask = async <T>({ url, key }: Summary, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${url}/v1/${path}`, {
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    expect(answer.status, path).to.equal(200);
    return (await answer.json()) as T;
  };
  const idsOf = async (summary: Summary, what: string) =>
    (await ask<{ items: { id: string }[] }>(summary, `${what}?limit=1000`)).items.map(({ id }) => id).sort();
  const all = async (summary: Summary) => ({
    users: await idsOf(summary, 'users'),
    spaces: await idsOf(summary, 'spaces'),
    events: await idsOf(summary, 'events'),
  });
  const microsoft365 = async () => {
    const { microsoft365: known } = JSON.parse(await readFile(join(data, 'demo.json'), 'utf8'));
    return GraphCalendars.signIn({
      url: `https://127.0.0.1:${known.port}`,
      ca: known.certificate.cert,
      tenantId: derivedUuid('tenant', SEED),
      clientId: derivedUuid('application', SEED),
      clientSecret: known.clientSecret,
    });
  };

  before(async () => {
    data = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
    // All that it can say, for the search of what it says.
    env = { SLUICE_DATA: data, SLUICE_LOG: 'trace' };
  });
  after(async () => {
    // A demo that a failed test left running would hold the test process, and its database.
    for (const { child } of started) child.kill('SIGTERM');
    await Promise.all(started.map(({ ended }) => ended));
    await removeData(data);
  });

  let first: Started;
  let one: Summary;
  let held: Awaited<ReturnType<typeof all>>;
  /** Of the rooms' calendars, as the source has them. */
  const told: ToldEvent[] = [];

  it('lets in what 40 users need of two systems', async () => {
    first = demo('--seed', String(SEED));
    one = await first.firstJson<Summary>();
    expect(one.log_ons).to.deep.equal({ created: 40, known: 0 });
    const { read, kept, dropped } = one.receipt.streams.users!;
    expect(one.receipt.status).to.equal('succeeded');
    expect(read).to.be.greaterThan(300);
    expect(kept).to.be.within(36, 40);
    expect(dropped['not-a-user']).to.be.greaterThan(200);

    const { users, spaces, events } = one.calendar_receipt.streams;
    expect(one.calendar_receipt.status).to.equal('succeeded');
    expect(users!.kept, 'the same people').to.equal(40);
    expect(users!.dropped['not-a-user']).to.be.greaterThan(200);
    expect(spaces).to.deep.include({ read: 24, kept: 24 });
    expect(events!.kept).to.be.greaterThan(400);
    expect(events!.dropped['out-of-scope'], 'called off or declined').to.be.greaterThan(20);
    // Busy times of those who opted in, and of nobody else.
    expect(one.opted_in).to.have.length(14);
    const { user_events: busy } = one.calendar_receipt.streams;
    expect(busy!.kept).to.be.greaterThan(150);
    expect([busy!.kept, busy!.dropped]).to.deep.equal([busy!.read, {}]);
    for (const user of one.opted_in) {
      const { items } = await ask<{ items: { user: string }[] }>(one, `events?user=${user}`);
      expect(items.length, user).to.be.greaterThan(3);
      expect(items.every((item) => item.user === user)).to.equal(true);
    }
    held = await all(one);
    expect([held.users.length, held.spaces.length, held.events.length]).to.deep.equal([40, 24, events!.kept]);

    // In the next terminal, without a setting: the demo's own connections work there too.
    for (const connection of ['people', 'm365']) {
      const checked = await sluice(['check', `acme/${connection}`], env);
      expect(checked, connection).to.include({ exit: 0 });
      expect(checked.out).to.not.match(/over-scoped|too much/);
    }
    const synced = await sluice(['sync', 'acme/people', '--json'], env);
    expect(synced.exit, synced.err).to.equal(0);
    expect(json<Receipt>(synced).streams.users!.unchanged).to.equal(kept);
    const again = json<Receipt>(await sluice(['sync', 'acme/m365', '--json'], env));
    expect(again.streams.events, 'its calendars tell only what changed').to.deep.include({
      mode: 'incremental',
      read: 0,
    });
  });

  it('takes the directory’s word before that of Microsoft 365', async () => {
    const company = foundCompany({ seed: SEED });
    const entries = company.employees.map(entryOf);
    const others = new Map(usersOf(entries).map(({ mail, jobTitle }) => [String(mail).toLowerCase(), jobTitle]));
    const differing = company.employees.filter(
      ({ uuid, email, title }) =>
        company.users.has(uuid) && title.length <= 128 && others.get(String(email).toLowerCase()) !== title,
    );
    expect(differing.length).to.be.greaterThan(1);
    const { items } = await ask<{ items: { email: string; job_title?: string }[] }>(one, 'users?limit=1000');
    const titles = new Map(items.map(({ email, job_title }) => [email.toLowerCase(), job_title]));
    const byLdap = differing.filter(({ email, title }) => titles.get(String(email).toLowerCase()) === title);
    // The entry that the directory has twice is let in by Microsoft 365 alone.
    expect(byLdap.length)
      .to.be.within(differing.length - 1, differing.length)
      .and.greaterThan(0);
  });

  it('knows when each room is taken, as the calendars have it', async () => {
    const graph = await microsoft365();
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const [from, to] = [new Date(today - DAY_MS), new Date(today + 14 * DAY_MS)];
    const { items: spaces } = await ask<{ items: { id: string; kind: string; source: { key: string } }[] }>(
      one,
      'spaces?limit=1000',
    );
    const idOf = new Map(spaces.map(({ id, source }) => [source.key, id]));
    const question = { where: { kind: 'room' }, from, to };
    const { items } = await ask<{ items: Availability[] }>(one, 'availability', question);
    expect(items).to.have.length(rooms.length);
    let tentative = 0;
    for (const room of rooms) {
      const answer = items.find(({ space }) => space === idOf.get(room.place.id))!;
      expect(answer.status, room.name).to.equal('known');
      const [truth, busy, free] = [new Timeline(from, to), new Timeline(from, to), new Timeline(from, to)];
      const events = await graph.events(room.address, from, to);
      told.push(...events);
      truth.takeEvents(events, 'Europe/Amsterdam');
      for (const { from, to, tentative } of answer.busy)
        busy.take(Date.parse(from), Date.parse(to), tentative ? 'tentative' : 'busy');
      for (const { from, to } of answer.free) free.take(Date.parse(from), Date.parse(to), 'busy');
      expect(busy.ticks, room.name).to.deep.equal(truth.ticks);
      expect(free.ticks.map((tick) => tick !== 'busy')).to.deep.equal(truth.ticks.map((tick) => tick !== 'free'));
      tentative += truth.ticks.filter((tick) => tick === 'tentative').length;
      expect(truth.ticks.filter((tick) => tick === 'busy').length, room.name).to.be.greaterThan(40);
    }
    expect(tentative).to.be.greaterThan(0);
  });

  it('has calls to try that work', async () => {
    const { callsToTry } = await import('../../src/cli/demo-calls.ts');
    const lines = callsToTry(one.url, one.key, new Date(), one.opted_in[0]).join('\n').replaceAll('\\\n', ' ');
    expect(lines).to.include(`KEY=${one.key}\nV1=${one.url}/v1\n`);
    const calls = lines.split('\n').filter((line) => line.startsWith('curl'));
    for (const call of calls) {
      expect(call).to.match(/^curl -s -H "Authorization: Bearer \$KEY" +"\$V1\//);
      const [, path] = /"\$V1\/([^"]+)"/.exec(call)!;
      const [, body] = /-d '([^']+)'/.exec(call) ?? [];
      const { items } = await ask<{ items: unknown[] }>(one, path!, body && JSON.parse(body));
      expect(items, path).to.not.have.length(0);
    }
    expect(calls).to.have.length(7);
  });

  it('goes on where it was after a restart, and doubles and removes nothing', async () => {
    const state = await readFile(join(data, 'demo.json'), 'utf8');
    first.child.kill('SIGINT');
    expect((await first.ended).exit).to.equal(0);

    const second = demo();
    const two = await second.firstJson<Summary>();
    expect(await readFile(join(data, 'demo.json'), 'utf8'), 'ports, secrets, certificate').to.equal(state);
    expect(two.log_ons).to.deep.equal({ created: 0, known: 40 });
    expect([...two.opted_in].sort()).to.deep.equal([...one.opted_in].sort());
    expect([two.key, two.admin_key]).to.deep.equal([one.key, one.admin_key]);
    expect(await all(two)).to.deep.equal(held);
    const { users, spaces, events } = two.calendar_receipt.streams;
    for (const stream of [users!, spaces!, events!])
      expect(stream).to.deep.include({ created: 0, updated: 0, removed: 0, held: 0, unchanged: stream.kept });
    // Its tokens were those of another process: read from the beginning, not refused.
    expect([two.calendar_receipt.status, events!.mode, users!.mode]).to.deep.equal(['succeeded', 'full', 'full']);
    second.child.kill('SIGTERM');
    expect((await second.ended).exit).to.equal(0);
  });

  it('keeps no subject and no stranger of a calendar, in its files, its database or what it says', async () => {
    const company = foundCompany({ seed: SEED });
    const known = new Set(
      company.employees.flatMap(({ uuid, email }) => (company.users.has(uuid) && email ? [email.toLowerCase()] : [])),
    );
    const search = new ByteSearch();
    let added = { subjects: 0, strangers: 0 };
    // In every case of its letters, some of which take fewer bytes.
    const long = (text: string) =>
      [text, text.toLowerCase(), text.toUpperCase()].every((one) => Buffer.from(one).length >= NEEDLE_BYTES);
    const person = ({ name, address }: Person) => {
      if (known.has(address.toLowerCase())) return;
      if (long(name)) addInClear(search, 'the name of a stranger', name);
      addInClear(search, 'the address of a stranger', address);
      added = { ...added, strangers: added.strangers + 1 };
    };
    for (const { subject, organizer, attendees } of told) {
      if (long(subject)) addInClear(search, 'a subject', subject);
      added = { ...added, subjects: added.subjects + 1 };
      for (const { emailAddress } of [organizer, ...attendees]) person(emailAddress);
    }
    expect(told.some(({ sensitivity }) => sensitivity === 'private')).to.equal(true);
    expect(added.subjects).to.be.greaterThan(400);
    expect(added.strangers).to.be.greaterThan(400);
    for (const title of diaryTitles) if (long(title)) addInClear(search, 'what somebody is busy with', title);
    // The control: what is kept is found by the same search.
    search.add('the control', Buffer.from('Amsterdam, Keizersgracht'));

    const server = await attachEmbedded({ dataDir: data, purpose: 'demo test' });
    const found: Found[] = [];
    try {
      await checkpoint(server.migrateUrl);
      for (const [table, rows] of await dumpDatabase(server.migrateUrl)) found.push(...search.look(table, rows));
    } finally {
      await server.release();
    }
    const files = await search.lookInFolder(pgData(await placeOf(data)));
    const beside = await search.lookInFolder(data);
    expect(files.bytes).to.be.greaterThan(1_000_000);
    for (const { ended } of started) {
      const { out, err } = await ended;
      expect(err).to.include('"event"');
      found.push(...search.look('what it said', Buffer.from(out + err)));
    }
    const isControl = ({ what }: Found) => what === 'the control';
    expect(found.some(isControl)).to.equal(true);
    expect(files.found.some(isControl)).to.equal(true);
    expect([...found, ...files.found, ...beside.found].filter((one) => !isControl(one))).to.deep.equal([]);
  });

  it('keeps its keys where only its owner reads them', async () => {
    const file = join(data, 'demo.json');
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    expect(await readFile(file, 'utf8')).to.include('"port"');
  });

  it('refuses another seed on the same data, with the fix', async () => {
    const { exit, err } = await demo('--seed', '8').ended;
    expect(exit).to.equal(2);
    expect(err).to.match(/made with --seed 7.*SLUICE_DATA/);
  });
});
