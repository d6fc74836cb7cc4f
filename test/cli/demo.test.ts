import { mkdtemp, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Receipt } from '../../src/model/receipt.ts';
import { json, removeData, type Started, sluice, startSluice } from './support.ts';

interface Summary {
  readonly url: string;
  readonly key: string;
  readonly admin_key: string;
  readonly log_ons: { created: number; known: number };
  readonly receipt: Receipt;
}

describe('the demo', function () {
  this.timeout(90_000);

  let data: string;
  let env: NodeJS.ProcessEnv;
  const started: Started[] = [];
  const demo = (...more: string[]) => {
    const one = startSluice(['demo', '--quiet', '--port', '0', '--json', ...more], env);
    started.push(one);
    return one;
  };
  const usersOf = async ({ url, key }: Summary) => {
    const answer = await fetch(`${url}/v1/users?limit=1000`, { headers: { authorization: `Bearer ${key}` } });
    const { items } = (await answer.json()) as { items: { id: string }[] };
    return items.map(({ id }) => id).sort();
  };

  before(async () => {
    data = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
    env = { SLUICE_DATA: data };
  });
  after(async () => {
    // A demo that a failed test left running would hold the test process, and its database.
    for (const { child } of started) child.kill('SIGTERM');
    await Promise.all(started.map(({ ended }) => ended));
    await removeData(data);
  });

  it('lets in what 40 users need, and goes on where it was after a restart', async () => {
    const first = demo('--seed', '7');
    const one = await first.firstJson<Summary>();
    expect(one.log_ons).to.deep.equal({ created: 40, known: 0 });
    const { read, kept, dropped } = one.receipt.streams.users!;
    expect(one.receipt.status).to.equal('succeeded');
    expect(read).to.be.greaterThan(300);
    expect(kept).to.be.within(36, 40);
    expect(dropped['not-a-user']).to.be.greaterThan(200);
    const users = await usersOf(one);
    expect(users).to.have.length(40);

    // In the next terminal, without a setting: the demo's own connection works there too.
    expect(await sluice(['check', 'acme/people'], env)).to.include({ exit: 0 });
    const synced = await sluice(['sync', 'acme/people', '--json'], env);
    expect(synced.exit, synced.err).to.equal(0);
    expect(json<Receipt>(synced).streams.users!.unchanged).to.equal(kept);

    first.child.kill('SIGINT');
    expect((await first.ended).exit).to.equal(0);

    const second = demo();
    const two = await second.firstJson<Summary>();
    expect(two.log_ons).to.deep.equal({ created: 0, known: 40 });
    expect([two.key, two.admin_key]).to.deep.equal([one.key, one.admin_key]);
    expect(await usersOf(two)).to.deep.equal(users);
    second.child.kill('SIGTERM');
    expect((await second.ended).exit).to.equal(0);
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
