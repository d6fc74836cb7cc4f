import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Answer } from '../../../connectors/microsoft-graph/answer.ts';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { inBatch } from '../../../connectors/microsoft-graph/links.ts';
import type { Session } from '../../../connectors/microsoft-graph/session.ts';
import { askTogether } from '../../../connectors/microsoft-graph/together.ts';
import { type Item, NeedsAttention, StartOver, streamOf, TooLarge, TryLater } from '../../../src/contract/index.ts';
import type { GraphFault, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { all } from '../../support/failure.ts';
import { contextFor, goneFrom, meeting, NOW, sandbox, stateOf, told } from './support.ts';

const ROOMS = Array.from({ length: 45 }, (_, n) => `room-${n}@acme.example`);
const idOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
/** How the links name a room's mailbox. */
const ofRoom = (n: number) => `/room-${n}%40`;

type Ended = Item[] | Error;
const whole = (ended: Ended): Item[] => {
  if (ended instanceof Error) throw ended;
  return ended;
};

describe('microsoft-graph calendars, asked together', function () {
  this.timeout(30_000);
  let source: SandboxGraph;
  let states: ReturnType<typeof stateOf>[];

  beforeEach(async () => {
    source = await sandbox({ clock: { now: () => NOW } });
    for (const [n, emailAddress] of ROOMS.entries()) {
      source.putPlace({ '@odata.type': '#microsoft.graph.room', id: idOf(n), displayName: `Room ${n}`, emailAddress });
      source.putEvent(emailAddress, meeting(`event-${n}`, '10'));
    }
    states = (await run({ state: false })).map((ended) => stateOf(whole(ended)));
  });
  afterEach(() => source.stop());

  /** One run's readings of all rooms at the same time, over one network; how each has ended. */
  function run({ state = true, signal = new AbortController().signal, rooms = ROOMS }): Promise<Ended[]> {
    const context = contextFor(source, 'events', { settings: { mailboxes: ROOMS }, now: NOW, signal });
    return Promise.all(
      rooms.map((partition, n) => {
        const reading = { ...context, partition, state: state ? states[n]! : null };
        return all(streamOf(graph, 'events')!.read(reading)).catch((error: Error) => error);
      }),
    );
  }
  /** The same, and what was sent for it. */
  async function watched(how: Parameters<typeof run>[0] = {}) {
    const before = source.requests().length;
    const ended = await run(how);
    const sent = source.requests().slice(before);
    return {
      ended,
      batches: sent.filter(({ url }) => url === '/v1.0/$batch'),
      inside: sent.filter(({ batched }) => batched),
      singly: sent.filter(({ url, batched }) => !batched && url.includes('/calendarView')),
    };
  }
  const failed = (ended: readonly Ended[]) => ended.flatMap((one, n) => (one instanceof Error ? [n] : []));

  it('cost one request in twenty when nothing is new', async () => {
    const { ended, batches, inside, singly } = await watched();
    expect([batches.length, inside.length, singly.length]).to.deep.equal([3, 45, 0]);
    expect(ended.map((one) => whole(one).map(({ item }) => item))).to.deep.equal(ROOMS.map(() => ['complete']));
    for (const { headers } of inside) expect(headers.prefer).to.equal('odata.maxpagesize=50, outlook.timezone="UTC"');
  });

  it('have each its own answer and token, in whatever order the answers come', async () => {
    for (const [n, room] of ROOMS.entries()) source.putEvent(room, meeting(`new-${n}`, '12'));
    const ended = await run({});
    expect(ended.map((one) => told(whole(one)).map(({ id, space }) => [id, space]))).to.deep.equal(
      ROOMS.map((_, n) => [[`new-${n}`, idOf(n)]]),
    );
    for (const [n, one] of ended.entries()) expect(stateOf(whole(one)).delta).to.include(ofRoom(n));
    expect(await run({}).then((again) => again.map((one) => told(whole(one)).length))).to.deep.equal(
      ROOMS.map(() => 1),
    );
  });

  it('go on by themselves where more has changed than a batch tells', async () => {
    for (let n = 0; n < 65; n++) source.putEvent(ROOMS[7]!, meeting(`new-${n}`, '12'));
    source.removeEvent(ROOMS[8]!, 'event-8');
    const { ended, batches, inside, singly } = await watched();
    expect([batches.length, inside.length]).to.deep.equal([3, 45]);
    expect(singly.map(({ url, headers }) => [url.includes(ofRoom(7)), headers.prefer])).to.deep.equal([
      [true, 'odata.maxpagesize=200, outlook.timezone="UTC"'],
    ]);
    expect(told(whole(ended[7]!))).to.have.length(65);
    expect(goneFrom(whole(ended[8]!))).to.deep.equal(['event-8']);
  });

  it('go alone, and not in a batch, where there is only one', async () => {
    const { ended, batches, singly } = await watched({ rooms: ROOMS.slice(0, 1) });
    expect([batches.length, singly.length]).to.deep.equal([0, 1]);
    expect(whole(ended[0]!).at(-1)?.item).to.equal('complete');
  });

  describe('throttled inside the batch', () => {
    const throttle = (more: Partial<GraphFault>, room = 7) =>
      source.fault({ status: 429, where: 'inner', path: ofRoom(room), ...more });

    it('are asked again after 1 s, without the others and not too early', async () => {
      throttle({ retryAfter: 1 });
      const began = performance.now();
      const at: number[] = [];
      const context = contextFor(source, 'events', { settings: { mailboxes: ROOMS }, now: NOW });
      const before = source.requests().length;
      await Promise.all(
        ROOMS.map(async (partition, n) => {
          await all(streamOf(graph, 'events')!.read({ ...context, partition, state: states[n]! }));
          at[n] = performance.now() - began;
        }),
      );
      expect(at[7]).to.be.within(1_000, 4_000);
      expect(Math.max(...at.toSpliced(7, 1)), 'the others do not wait').to.be.below(1_000);
      const asked = source.requests().slice(before);
      const ofThis = asked.filter(({ url }) => url.includes(ofRoom(7)));
      expect(ofThis.map(({ status }) => status)).to.deep.equal([429, 200]);
      expect(asked.filter(({ url }) => url.includes('/calendarView'))).to.have.length(46);
    });

    it('wait in company with others that were', async () => {
      for (const room of [3, 7, 30]) throttle({ retryAfter: 1 }, room);
      const { ended, batches, inside, singly } = await watched();
      expect(failed(ended)).to.deep.equal([]);
      expect([batches.length, inside.length, singly.length]).to.deep.equal([4, 48, 0]);
    });

    const waits = {
      'of 300 s': { retryAfter: 300, ms: 300_000 },
      'until a date': { retryAfter: new Date(NOW.getTime() + 5_400_000), ms: 5_400_000 },
      'without a word': { ms: 30_000 },
    };
    for (const [which, { ms, ...more }] of Object.entries(waits))
      it(`${which} end for now, and alone`, async () => {
        throttle(more);
        const { ended, inside } = await watched();
        expect(failed(ended)).to.deep.equal([7]);
        expect(ended[7]).to.be.instanceOf(TryLater);
        const later = (ended[7] as TryLater).notBefore!.getTime() - NOW.getTime();
        expect(later).to.be.within(ms, ms + 5_000);
        expect(inside).to.have.length(45);
      });

    it('are not asked for ever', async () => {
      throttle({ retryAfter: 0, times: 1_000 });
      throttle({ retryAfter: 0, times: 1_000, where: 'outer' });
      const { ended } = await watched();
      expect(failed(ended)).to.deep.equal([7]);
      expect(source.requests().filter(({ status }) => status === 429)).to.have.length(5);
    });

    it('are so by 503 and 504, too', async () => {
      throttle({ status: 503, retryAfter: 120 }, 3);
      throttle({ status: 504, retryAfter: 120 }, 7);
      const { ended } = await watched();
      expect(failed(ended)).to.deep.equal([3, 7]);
      for (const n of [3, 7]) expect((ended[n] as TryLater).notBefore).to.be.instanceOf(Date);
    });
  });

  it('that are refused inside the batch stop alone, named by their entry', async () => {
    const faults = [
      { room: 3, status: 404, is: NeedsAttention, says: /entry 4 of the setting mailboxes \(404\)/ },
      { room: 5, status: 403, code: 'ErrorAccessDenied', is: NeedsAttention, says: /mailbox of entry 6 .*\(403\)/ },
      { room: 7, status: 410, code: 'syncStateNotFound', is: StartOver, says: /delta token has ended/ },
      { room: 9, status: 401, is: NeedsAttention, says: /does not accept the token/ },
      { room: 25, status: 500, is: TryLater, says: /part of a batch unanswered/ },
      { room: 27, status: 424, is: TryLater, says: /part of a batch unanswered/ },
      { room: 29, status: 408, is: TryLater, says: /part of a batch unanswered/ },
      { room: 44, status: 418, is: NeedsAttention, says: /calendar of entry 45 .*\(418\)/ },
    ];
    for (const { room, is: _, says: __, ...fault } of faults)
      source.fault({ where: 'inner', path: ofRoom(room), ...fault });
    const { ended } = await watched();
    expect(failed(ended)).to.deep.equal(faults.map(({ room }) => room));
    for (const { room, is, says } of faults) {
      expect(ended[room], String(room)).to.be.instanceOf(is);
      expect((ended[room] as Error).message)
        .to.match(says)
        .and.not.to.include('acme.example');
    }
    expect((ended[25] as TryLater).notBefore, 'no wait was asked for').to.equal(undefined);
  });

  describe('as a whole', () => {
    it('throttled for 1 s are sent again after it, each once', async () => {
      source.fault({ status: 429, path: '$batch', retryAfter: 1 });
      const began = performance.now();
      const { ended, batches, inside } = await watched();
      expect(failed(ended)).to.deep.equal([]);
      expect(performance.now() - began).to.be.above(1_000);
      expect([batches.length, inside.length]).to.deep.equal([4, 45]);
    });

    it('throttled for 300 s end for now, all that are in it and no other', async () => {
      source.fault({ status: 429, path: '$batch', retryAfter: 300, after: 1 });
      const { ended } = await watched();
      expect(failed(ended)).to.have.length(20);
      for (const n of failed(ended))
        expect((ended[n] as TryLater).notBefore!.getTime() - NOW.getTime()).to.be.within(300_000, 305_000);
    });

    const breaks: Record<string, Partial<GraphFault>> = {
      'cut off': { status: 200, body: 'cut' },
      'answered 502': { status: 502, body: 'html' },
    };
    for (const [how, fault] of Object.entries(breaks))
      it(`${how} end for now, all that are in it and no other, and nothing is taken away`, async () => {
        source.fault({ status: 0, path: '$batch', after: 1, ...fault });
        const { ended } = await watched();
        expect(failed(ended)).to.have.length(20);
        for (const n of failed(ended)) expect(ended[n]).to.be.instanceOf(TryLater);
      });

    for (const [what, fault] of Object.entries({ refused: { status: 400 }, 'answered with a page': { status: 200 } }))
      it(`${what} are asked one by one`, async () => {
        source.fault({ path: '$batch', body: 'html', times: 3, ...fault });
        const { ended, batches, singly } = await watched();
        expect(failed(ended)).to.deep.equal([]);
        expect([batches.length, singly.length]).to.deep.equal([3, 45]);
      });
  });

  it('are given up at once when the run is cancelled, while they wait for company and while they are under way', async () => {
    const early = new AbortController();
    const gathering = watched({ signal: early.signal, rooms: ROOMS.slice(0, 3) });
    // The places are asked for first; then nothing is under way but the wait.
    while (!source.requests().slice(-1)[0]!.url.includes('workspace')) await sleep(1);
    await sleep(60);
    early.abort();
    const { ended, batches } = await gathering;
    for (const one of ended) expect((one as Error).message).to.match(/cancelled/);
    expect(batches).to.deep.equal([]);

    source.oddities({ latency_ms: 100 });
    const late = new AbortController();
    const travelling = run({ signal: late.signal });
    while (!source.requests().slice(-1)[0]!.batched) await sleep(1);
    const began = performance.now();
    late.abort();
    for (const one of await travelling) expect((one as Error).message).to.match(/cancelled/);
    expect(performance.now() - began).to.be.below(1_000);
  });

  it('are begun anew no more at a time than in_flight says, until each is taken to its end', async () => {
    const context = contextFor(source, 'events', { settings: { mailboxes: ROOMS, in_flight: 3 }, now: NOW });
    const before = source.requests().length;
    const begun = () =>
      source
        .requests()
        .slice(before)
        .filter(({ url }) => url.includes('/calendarView')).length;
    const readings = ROOMS.slice(0, 8).map((partition) =>
      streamOf(graph, 'events')!
        .read({ ...context, partition })
        [Symbol.asyncIterator](),
    );
    const first = readings.map((reading) => reading.next());
    await Promise.all(first.slice(0, 3));
    await sleep(150);
    expect(begun()).to.equal(3);
    await readings[0]!.return!();
    await first[3];
    await sleep(150);
    expect(begun()).to.equal(4);
    for (const [n, reading] of readings.entries()) {
      await first[n];
      await reading.return!();
    }
    expect(begun()).to.equal(8);
  });
});

describe('microsoft-graph requests that travel together', () => {
  interface Sent {
    readonly requests: readonly { readonly id: string; readonly url: string }[];
  }
  /** A session without a network: what it was asked, and what it answers. */
  function talking(post: (sent: Sent) => Promise<Answer>) {
    const singly: string[] = [];
    const posted: Sent[] = [];
    const run = new AbortController();
    const session = {
      signal: run.signal,
      patiently: (ask: () => Promise<Answer>) => ask(),
      getOnce: async (target: string) => {
        singly.push(target);
        return { status: 200, headers: {}, body: `alone ${target}` };
      },
      post: (_: string, sent: Sent) => {
        posted.push(sent);
        return post(sent);
      },
    } as unknown as Session;
    const ask = (names: readonly string[]) =>
      Promise.allSettled(names.map((name) => askTogether(session, `/v1.0/users/${name}`, {})));
    return { session, run, ask, singly, posted };
  }
  const answered = (responses: unknown): Answer => ({ status: 200, headers: {}, body: { responses } });

  it('are asked one by one when together they are larger than may be held', async () => {
    const { ask, singly } = talking(async () => {
      throw new TooLarge('too large');
    });
    const answers = await ask(['a', 'b']);
    expect(singly).to.deep.equal(['/v1.0/users/a', '/v1.0/users/b']);
    expect(answers.map((one) => one.status === 'fulfilled' && one.value.body)).to.deep.equal([
      'alone /v1.0/users/a',
      'alone /v1.0/users/b',
    ]);
  });

  it('of which one is left out of the answer end alone', async () => {
    const { ask } = talking(async ({ requests }) =>
      answered([
        { id: '77', status: 200 },
        null,
        ...requests.filter(({ url }) => url !== '/users/b').map(({ id, url }) => ({ id, status: 200, body: url })),
      ]),
    );
    const [a, b, c] = await ask(['a', 'b', 'c']);
    expect([a, c].map((one) => one!.status === 'fulfilled' && one!.value.body)).to.deep.equal(['/users/a', '/users/c']);
    expect((b as PromiseRejectedResult).reason)
      .to.be.instanceOf(TryLater)
      .and.have.property('notBefore', undefined);
  });

  it('are never more than twenty, with ids of their own', async () => {
    const { ask, posted } = talking(async ({ requests }) => answered(requests.map(({ id }) => ({ id, status: 200 }))));
    await ask(Array.from({ length: 41 }, (_, n) => `u${n}`));
    expect(posted.map(({ requests }) => requests.length)).to.deep.equal([20, 20]);
    for (const { requests } of posted) expect(new Set(requests.map(({ id }) => id)).size).to.equal(20);
  });

  it('are sent by no run that was cancelled while they waited for company', async () => {
    const { run, ask, posted, singly } = talking(async () => answered([]));
    const asked = ask(['a', 'b']);
    await sleep(1);
    run.abort();
    for (const one of [...(await asked), ...(await ask(['c']))])
      expect((one as PromiseRejectedResult).reason.message).to.match(/cancelled/);
    await sleep(150);
    expect([posted, singly]).to.deep.equal([[], []]);
  });

  it('go nowhere but below the version on our host', async () => {
    expect(inBatch('/v1.0/users/a%40b/delta?$deltatoken=x%20y')).to.equal('/users/a%40b/delta?$deltatoken=x%20y');
    for (const link of ['/v1.0//elsewhere.example/x', '/v1.0/$batch', '/beta/users', 'https://elsewhere.example/v1.0/'])
      expect(() => inBatch(link), link).to.throw(NeedsAttention, /another server/);
    const { session, posted } = talking(async ({ requests }) =>
      answered(requests.map(({ id }) => ({ id, status: 200 }))),
    );
    const asked = ['/v1.0/users/a', '/v1.0//elsewhere.example/x', '/v1.0/users/b'];
    const answers = await Promise.allSettled(asked.map((link) => askTogether(session, link, {})));
    expect(answers.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect(posted.map(({ requests }) => requests.map(({ url }) => url))).to.deep.equal([['/users/a', '/users/b']]);
  });
});
