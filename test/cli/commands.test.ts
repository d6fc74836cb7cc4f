import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Receipt } from '../../src/model/receipt.ts';
import { type Acme, PASSWORD, startAcme, users } from './acme.ts';
import { type SlowRoad, slowRoad } from './slow-road.ts';
import { type Ended, json, type Started, sluice, startSluice } from './support.ts';

/** Every command against a hub that runs, as tenant IT would use them one after the other. */
describe('the commands', function () {
  this.timeout(120_000);

  let acme: Acme;
  let hub: Started;
  let url: string;
  let road: SlowRoad;
  const run = (...argv: string[]) => sluice(argv, acme.env);
  const done = async (...argv: string[]) => {
    const ended = await run(...argv);
    expect(ended.exit, `sluice ${argv.join(' ')}: ${ended.err}`).to.equal(0);
    return ended;
  };
  /** What was resumed or changed is due at once: the schedule may be at it in the same instant. */
  const sync = async (...more: string[]) => {
    for (const until = Date.now() + 20_000; ; ) {
      const ended = await run('sync', 'acme/people', ...more);
      if (!/is being read already/.test(ended.err) || Date.now() > until) return ended;
    }
  };

  before(async () => {
    acme = await startAcme();
    road = await slowRoad(Number(new URL(acme.directory.url).port), 40);
    hub = startSluice(['start', '--config', await acme.file('acme.yaml'), '--port', '0', '--json'], acme.env);
    ({ url } = await hub.firstJson<{ url: string }>());
  });

  after(async () => {
    hub?.child.kill('SIGTERM');
    await hub?.ended;
    await road?.stop();
    await acme?.close();
  });

  it('start --config applies the file, serves, and leaves a new connection paused', async () => {
    expect((await fetch(`${url}/health/ready`)).status).to.equal(200);
    const { exit, err } = await run('sync', 'acme/people');
    expect(exit).to.equal(1);
    expect(err).to.match(/paused.*`sluice resume acme\/people`/);
  });

  it('check tells each step and that the account may read too much', async () => {
    const shown = await done('check', 'acme/people');
    expect(shown.out).to.match(/^\[ok\] sign-in +127\.0\.0\.1:\d+ is OpenLDAP; signed in as cn=reader/m);
    expect(shown.out).to.match(/^\[!!\] permission .*homePhone/m);
    expect(shown.out).to.match(/^Look at what it would let in with `sluice preview acme\/people`/m);
    const told = json<{ passed: boolean; findings: object[] }>(await done('check', 'acme/people', '--json'));
    expect(told.passed).to.equal(true);
    expect(told.findings).not.to.have.length(0);
  });

  it('logon and preview: kept values of the one user, no value of anybody else', async () => {
    const before = await done('preview', 'acme/people');
    expect(before.out).to.match(/would let in 0,/);
    for (const { email, given_name, family_name } of users) {
      const names = ['--email', email, '--given-name', given_name, '--family-name', family_name];
      const { outcome } = json<{ outcome: string }>(await done('logon', 'acme', ...names, '--json'));
      expect(outcome).to.equal('created');
    }
    const shown = await done('preview', 'acme/people', '--user', users[2]!.email);
    expect(shown.out).to.include(users[2]!.email);
    expect(shown.out).to.match(/^ {2}objectClass +decide +looked at, forgotten/m);
    expect(shown.out).to.match(/Nothing was written\. `sluice resume acme\/people` lets it run\./);
    const known = new Set(users.map(({ email }) => email));
    const addresses = [...(before.out + shown.out).matchAll(/[\w.'-]+@acme\.example/g)].map(([address]) => address);
    expect(addresses.filter((address) => !known.has(address.toLowerCase()))).to.deep.equal([]);
  });

  it('logon refuses a domain that the tenant does not admit, with 1', async () => {
    const { exit, err } = await run(
      'logon',
      'acme',
      '--email',
      'a@b.example',
      '--given-name',
      'A',
      '--family-name',
      '',
    );
    expect(exit).to.equal(1);
    expect(err).to.match(/domain/);
    expect(err).not.to.match(/a@b/);
  });

  it('resume and sync: the receipt adds up, in words and as JSON', async () => {
    expect((await done('resume', 'acme/people')).out).to.match(/^acme\/people is resumed\./);
    const shown = await sync();
    expect(shown.exit).to.equal(0);
    expect(shown.err, 'nothing but the answer, off a terminal').to.equal('');
    expect(shown.out).to.match(
      /^Read \d+ entries of acme\/people; let in \d+ \(.*\); turned away \d+: \d+ not users, /m,
    );
    const receipt = json<Receipt>(await sync('--full', '--json'));
    const { read, kept, repeated, dropped, created, updated, unchanged } = receipt.streams.users!;
    expect(kept).to.be.within(users.length - 2, users.length);
    expect(read).to.equal(kept + repeated + Object.values(dropped).reduce((sum, many) => sum + many, 0));
    expect([created, updated, unchanged]).to.deep.equal([0, 0, kept]);
    expect(json(await done('run', receipt.run, '--json'))).to.deep.equal(receipt);
    const { items } = json<{ items: Receipt[] }>(await done('runs', 'acme/people', '--limit', '3', '--json'));
    expect(items.map(({ run: id }) => id)).to.include(receipt.run);
    expect((await done('runs')).out).to.include(receipt.run);
    expect((await done('cancel', receipt.run)).out).to.match(/has ended already: succeeded/);
    const decided = await run('approve', receipt.run);
    expect(decided.exit).to.equal(1);
    expect(decided.err).to.match(/This run is succeeded/);
  });

  it('user show tells everything, who supplied it and why; of a stranger nothing', async () => {
    const account = json<{ contributions: { supplier: string }[]; purposes: Record<string, string> }>(
      await done('user', 'show', 'acme', users[2]!.email, '--json'),
    );
    expect(account.contributions.map(({ supplier }) => supplier).sort()).to.deep.equal(['log-on', 'people']);
    expect(account.purposes.job_title).to.match(/Only while people-directory is on/);
    const shown = await done('user', 'show', 'acme', users[2]!.email);
    expect(shown.out).to.include(users[2]!.family_name);
    const { exit, err } = await run('user', 'show', 'acme', 'stranger@acme.example');
    expect(exit).to.equal(1);
    expect(err)
      .to.match(/nothing is held/)
      .and.not.include('stranger');
  });

  it('key create, list, revoke: it opens the API until it is revoked, and is shown once', async () => {
    const words = ['--name', 'rooms', '--scopes', 'users:read,changes:read', '--expires', '1d'];
    const made = json<{ id: string; key: string; expires_at: string }>(
      await done('key', 'create', 'acme', ...words, '--json'),
    );
    const ask = async () =>
      (await fetch(`${url}/v1/users`, { headers: { authorization: `Bearer ${made.key}` } })).status;
    expect(await ask()).to.equal(200);
    const listed = await done('key', 'list', 'acme', '--json');
    expect(json<{ items: { id: string }[] }>(listed).items.map(({ id }) => id)).to.include(made.id);
    expect(listed.out).not.to.include(made.key);
    await done('key', 'revoke', made.id);
    expect(await ask()).to.equal(401);
    expect((await run('key', 'revoke', made.id)).exit).to.equal(1);
  });

  it('config prints what apply takes back unchanged, without the secret', async () => {
    const { out } = await done('config', 'acme');
    expect(out).not.to.include('battery');
    const file = await acme.file('live.yaml', () => out.replace('ACME__PEOPLE_BIND_PASSWORD', 'ACME__LDAP_PASSWORD'));
    expect((await done('apply', file)).out).to.match(/Nothing to do/);
  });

  it('apply shows its plan with numbers, changes nothing in a dry run, and wants --yes for what destroys', async () => {
    const off = await acme.file('off.yaml', (text) => text.replace('people-directory: on', 'people-directory: off'));
    const live = await done('config', 'acme');
    const dry = json<{ outcome: string; plan: { lines: { destroys: boolean }[] } }>(
      await done('apply', off, '--dry-run', '--json'),
    );
    expect(dry.outcome).to.equal('planned');
    expect(dry.plan.lines.some(({ destroys }) => destroys)).to.equal(true);
    const refused = await run('apply', off);
    expect(refused.exit).to.equal(1);
    expect(refused.out).to.match(/^ {2}- Switches off people-directory: erases what \d+ users had through it$/m);
    expect(refused.err).to.match(/Nothing was applied; pass --yes if that is meant/);
    expect(await done('config', 'acme')).to.deep.equal(live);
    expect((await done('apply', off, '--yes')).out).to.match(/^Applied: acme is now at version \d+\.$/m);
    await done('apply', await acme.file('acme.yaml'));
  });

  it('a dry run of a new tenant makes no tenant', async () => {
    const file = await acme.file('fresh.yaml', (text) =>
      text.replace('tenant: acme', 'tenant: fresh').replace(/bind_password: .*/, 'bind_password: literal'),
    );
    expect((await done('apply', file, '--dry-run')).out).to.match(/Creates tenant fresh[\s\S]*Nothing was changed/);
    expect((await run('config', 'fresh')).err).to.match(/There is no tenant fresh/);
  });

  it('start --config refuses what would destroy something', async () => {
    const off = await acme.file('off.yaml', (text) => text.replace('people-directory: on', 'people-directory: off'));
    const { exit, err } = await run('start', '--config', off, '--port', '0');
    expect(exit).to.equal(1);
    expect(err).to.match(/nothing was applied and the hub not started.*`sluice apply FILE --yes`/);
  });

  it('a second hub on the same data is refused with a sentence', async () => {
    const { exit, err } = await run('start', '--port', '0');
    expect(exit).to.equal(1);
    expect(err.trim().split('\n')).to.have.length(1);
  });

  it('sync ends with 3 when removals are held; approve removes exactly them', async () => {
    expect((await sync('--json')).exit).to.equal(0);
    const emails = new Set(users.map(({ email }) => email));
    const entries = acme.directory
      .entries()
      .filter(({ attributes }) => emails.has(String(attributes.mail?.[0]).toLowerCase()));
    for (const { uuid } of entries.slice(0, 6)) acme.directory.remove(uuid);
    const held = await sync('--json');
    expect(held.exit).to.equal(3);
    const receipt = json<Receipt>(held);
    expect(receipt.status).to.equal('held');
    expect(receipt.streams.users!.held).to.be.within(4, 6);
    // A scheduled run that was due already may be about to hold the same in its place; then that is the one to decide on.
    let ended: Ended | undefined;
    for (const until = Date.now() + 30_000; !ended && Date.now() < until; ) {
      const { items } = json<{ items: Receipt[] }>(await done('runs', 'acme/people', '--limit', '5', '--json'));
      const holding = items.find(({ status }) => status === 'held');
      if (!holding) continue;
      const shown = await done('run', holding.run);
      const tried = await run('approve', holding.run, '--json');
      if (/superseded/.test(tried.err)) continue;
      expect(shown.out).to.include(`\`sluice approve ${holding.run}\` removes`);
      ended = tried;
    }
    if (!ended) throw new Error('No run holds the removals.');
    expect(ended.exit, ended.err).to.equal(0);
    const approved = json<Receipt>(ended);
    expect(approved.status).to.equal('succeeded');
    expect(approved.decided_by).to.match(/command line$/);
    expect(approved.streams.users!.removed).to.equal(receipt.streams.users!.held);
    expect((await sync()).exit).to.equal(0);
  });

  it('Ctrl-C stops a sync after the page under way, says so, and removes nothing', async () => {
    const file = await acme.file('slow.yaml', (text) =>
      text
        .replace('tenant: acme', 'tenant: slow')
        .replace(/bind_password: .*/, `bind_password: ${PASSWORD}`)
        .replace(acme.directory.url, `ldap://127.0.0.1:${road.port}`)
        .replace(/ {4}schedule: .*\n/, '')
        .replace('      filter:', '      page_size: 1\n      filter:'),
    );
    expect((await done('apply', file, '--resume')).out).to.match(/no schedule; it runs with `sluice sync slow/);
    const seen = acme.directory.searches().length;
    const reading = startSluice(['sync', 'slow/people', '--json'], acme.env);
    // The directory sees the reading begin: page after page of one entry, 40 ms each.
    for (const until = Date.now() + 20_000; acme.directory.searches().length < seen + 8 && Date.now() < until; )
      await sleep(10);
    reading.child.kill('SIGINT');
    const { exit, out, err } = await reading.ended;
    expect(exit).to.equal(1);
    expect(err).to.match(
      /Stopping after the page under way.*\n.*was cancelled; `sluice sync slow\/people` starts again/,
    );
    const receipt = JSON.parse(out) as Receipt;
    expect(receipt.status).to.equal('cancelled');
    expect(receipt.streams.users!.read).to.be.within(1, 50);
    expect(json<Receipt>(await done('run', receipt.run, '--json'))).to.deep.equal(receipt);
  });

  it('pause stops a connection until it is resumed', async () => {
    expect(json<{ paused: boolean }>(await done('pause', 'acme/people', '--json')).paused).to.equal(true);
    expect((await run('sync', 'acme/people')).exit).to.equal(1);
    expect((await done('pause', 'acme/people')).out).to.match(/paused already/);
    expect((await done('resume', 'acme/people')).out).to.match(/It is next due at/);
  });

  it('a tenant or connection that was mistyped is suggested', async () => {
    expect((await run('check', 'acne/people')).err).to.match(/did you mean acme\?/);
    expect((await run('check', 'acme/poeple')).err).to.match(/did you mean acme\/people\?/);
  });

  it('SIGTERM stops the hub gracefully, with 0', async () => {
    hub.child.kill('SIGTERM');
    expect((await hub.ended).exit).to.equal(0);
    await fetch(`${url}/health/live`).then(
      () => expect.fail('it still answers'),
      () => {},
    );
  });

  it('the hub stops by itself when its wrapper is killed outright', async () => {
    hub = startSluice(['start', '--port', '0', '--json'], acme.env);
    const { pid } = await hub.firstJson<{ pid: number }>();
    expect(pid).not.to.equal(hub.child.pid);
    hub.child.kill('SIGKILL');
    const gone = () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    };
    for (const until = Date.now() + 15_000; !gone() && Date.now() < until; ) await sleep(50);
    expect(gone(), 'the hub is gone').to.equal(true);
  });
});
