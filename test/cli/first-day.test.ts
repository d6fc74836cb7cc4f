import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Acme, startAcme, users } from './acme.ts';
import { json, type Started, sluice, startSluice } from './support.ts';

interface ShownUser {
  readonly id: string;
  readonly confirmed: boolean;
  readonly job_title?: string;
}

/** The whole hub as it runs for real: schedule, queue, worker and API in one child process, a live directory beside it. */
describe('the first day of a hub', function () {
  this.timeout(90_000);
  let acme: Acme;
  let hub: Started;
  let url: string;
  let key: string;

  const call = (path: string, init: RequestInit = {}) =>
    fetch(url + path, {
      ...init,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...init.headers },
    });
  const logOn = async (n: number): Promise<ShownUser> => {
    const answer = await call('/v1/logons', { method: 'POST', body: JSON.stringify(users[n]) });
    expect(answer.status).to.equal(201);
    return (await answer.json()) as ShownUser;
  };

  before(async () => {
    acme = await startAcme();
    hub = startSluice(['start', '--config', await acme.file('acme.yaml'), '--port', '0', '--json'], acme.env);
    ({ url } = await hub.firstJson<{ url: string }>());
    const scopes = 'users:read,users:write,changes:read,sources:read';
    const made = await sluice(['key', 'create', 'acme', '--name', 'rooms', '--scopes', scopes, '--json'], acme.env);
    ({ key } = json<{ key: string }>(made));
  });

  after(async () => {
    hub?.child.kill('SIGTERM');
    await hub?.ended;
    await acme?.close();
  });

  it('a resumed connection is read by the schedule, without anybody asking', async () => {
    expect((await sluice(['resume', 'acme/people'], acme.env)).exit).to.equal(0);
    for (const until = Date.now() + 30_000; ; await sleep(200)) {
      const { items } = (await (await call('/v1/sources')).json()) as {
        items: { status: string; first_complete_at: string | null }[];
      };
      if (items[0]?.status === 'ok' && items[0].first_complete_at) break;
      expect(Date.now(), JSON.stringify(items)).to.be.below(until);
    }
  });

  it('a new user’s attributes arrive within five seconds of the first log-on, and the feed tells of both', async () => {
    const start = (await (await call('/v1/changes')).json()) as { next: string };
    const user = await logOn(0);
    const from = Date.now();
    let shown = user;
    while (!shown.confirmed) {
      expect(Date.now() - from).to.be.below(5_000);
      await sleep(50);
      shown = (await (await call(`/v1/users/${user.id}`)).json()) as ShownUser;
    }
    expect(shown.job_title).to.be.a('string');
    const { items } = (await (await call(`/v1/changes?cursor=${start.next}&include=entities`)).json()) as {
      items: { id: string; op: string }[];
    };
    expect(items.map(({ id, op }) => [id, op])).to.deep.equal([[user.id, 'upsert']]);
  });

  it('a long-poll is answered when something changes, and not before', async () => {
    let { next } = (await (await call('/v1/changes')).json()) as { next: string };
    const waiting = call(`/v1/changes?cursor=${next}&wait=20`);
    let answered = false;
    void waiting.then(() => {
      answered = true;
    });
    await sleep(700);
    expect(answered).to.equal(false);
    const user = await logOn(1);
    const from = Date.now();
    const body = (await (await waiting).json()) as { items: { id: string }[]; next: string };
    expect(Date.now() - from).to.be.below(3_000);
    expect(body.items.map(({ id }) => id)).to.deep.equal([user.id]);
    ({ next } = body);
    expect(next).to.be.a('string');
  });
});
