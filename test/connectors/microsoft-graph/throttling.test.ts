import { expect } from 'chai';
import { batch } from '../../../connectors/microsoft-graph/batch.ts';
import type { Session } from '../../../connectors/microsoft-graph/session.ts';
import { TryLater } from '../../../src/contract/index.ts';
import type { GraphFault, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { failureOf } from '../../support/failure.ts';
import { DAY, NOW, putRoom, ROOM, read, readRoom, sandbox, series, told } from './support.ts';

/** Where a request can be throttled, and a reading that makes one there. */
const places = {
  'the outer answer': {
    fault: { path: '/users/delta' },
    read: (source: SandboxGraph) => read(source, 'users', { now: NOW }),
  },
  'a batch': {
    fault: { path: '/events/', where: 'inner' },
    read: (source: SandboxGraph) => readRoom(source, { now: NOW }),
  },
  'the whole of a batch': {
    fault: { path: '$batch' },
    read: (source: SandboxGraph) => readRoom(source, { now: NOW }),
  },
} as const;

describe('microsoft-graph throttling', () => {
  let source: SandboxGraph;
  beforeEach(async () => {
    source = await sandbox({ clock: { now: () => NOW } });
    putRoom(source);
    source.putUser({ id: '1', mail: 'ada@acme.example' });
    // Began before the window, so that its master is asked for in a batch.
    for (const n of [1, 2, 3]) source.putEvent(ROOM, series(`s${n}`, ['2026-06-03', DAY]));
  });
  afterEach(() => source.stop());

  async function later(reading: Promise<unknown>): Promise<number> {
    const error = await failureOf(reading);
    expect(error).to.be.instanceOf(TryLater);
    return ((error as TryLater).notBefore?.getTime() ?? Number.NaN) - NOW.getTime();
  }

  for (const [where, { fault, read: reading }] of Object.entries(places)) {
    const throttled = (more: Partial<GraphFault>) => source.fault({ status: 429, ...fault, ...more });

    it(`of 1 s in ${where} is sat out, and no request is too early`, async () => {
      throttled({ retryAfter: 1 });
      const before = performance.now();
      expect(told(await reading(source)).length).to.be.greaterThan(0);
      expect(performance.now() - before).to.be.within(1_000, 3_000);
      const refused = source.requests().filter(({ status }) => status === 429);
      expect(refused).to.have.length(1);
    });

    it(`of 300 s in ${where} ends the run, which goes on then`, async () => {
      throttled({ retryAfter: 300 });
      expect(await later(reading(source))).to.be.within(300_000, 301_000);
    });

    it(`until a date in ${where} ends the run, which goes on then`, async () => {
      throttled({ retryAfter: new Date('2026-12-01T11:00:00Z') });
      expect(await later(reading(source))).to.be.within(90 * 60_000, 90 * 60_000 + 1_000);
    });

    it(`without a word in ${where} ends the run, which goes on after half a minute`, async () => {
      throttled({});
      expect(await later(reading(source))).to.be.within(30_000, 31_000);
    });
  }

  it('of one request in a batch leaves the answers of the others as they are', async () => {
    source.fault({ status: 429, retryAfter: 1, path: '/events/s2', where: 'inner' });
    expect(told(await readRoom(source, { now: NOW }))).to.have.length(3);
    const asked = source.requests().filter(({ batched }) => batched);
    expect(asked.map(({ url }) => /events\/(s\d)/.exec(url)?.[1])).to.deep.equal(['s1', 's2', 's3', 's2']);
  });

  for (const status of [408, 424, 425, 500, 502])
    it(`is not what an answer within a batch is that says nothing of what was asked for: ${status} is asked again, and nothing gone`, async () => {
      source.fault({ status, path: '/events/s2', where: 'inner' });
      const error = await failureOf(readRoom(source, { now: NOW }));
      expect(error).to.be.instanceOf(TryLater).and.have.property('notBefore', undefined);
      expect(error.message).to.match(/part of a batch unanswered/);
      expect(told(await readRoom(source, { now: NOW })), 'asked again').to.have.length(3);
    });

  it('of several requests in a batch is sat out together, as long as the longest', async () => {
    for (const [n, retryAfter] of [1, 2, 1].entries())
      source.fault({ status: 429, retryAfter, path: `/events/s${n + 1}`, where: 'inner' });
    const before = performance.now();
    expect(told(await readRoom(source, { now: NOW }))).to.have.length(3);
    expect(performance.now() - before).to.be.within(2_000, 3_500);
  });

  it('is what 503 and 504 are, too', async () => {
    for (const status of [503, 504]) {
      source.fault({ status, retryAfter: 120, path: '/users/delta' });
      expect(await later(read(source, 'users', { now: NOW }))).to.be.within(120_000, 121_000);
    }
    source.fault({ status: 503, retryAfter: 0, body: 'html', path: '/users/delta' });
    expect(told(await read(source, 'users', { now: NOW }))).to.have.length(1);
  });

  it('that does not end is not sat out for ever', async () => {
    source.fault({ status: 429, retryAfter: 0, path: '/users/delta', times: 1000 });
    await later(read(source, 'users', { now: NOW }));
    expect(source.requests().filter(({ status }) => status === 429)).to.have.length(5);
  });

  it('is given up at once when the run is cancelled', async () => {
    source.fault({ status: 429, retryAfter: 9, path: '/users/delta' });
    const abort = new AbortController();
    const reading = failureOf(read(source, 'users', { now: NOW, signal: abort.signal }));
    setTimeout(() => abort.abort(), 300);
    expect((await reading).message).to.match(/cancelled/);
  });

  it('of the sign-in ends the run, which goes on then', async () => {
    source.fault({ status: 429, retryAfter: 300, path: '/token' });
    const error = await failureOf(read(source, 'users', { now: NOW }));
    expect(error).to.be.instanceOf(TryLater).and.have.property('notBefore').which.is.instanceOf(Date);
  });
});

describe('microsoft-graph batches', () => {
  /** Answers each batch with what the function makes of its requests. */
  function answering(make: (requests: readonly { id: string; url: string }[]) => unknown) {
    const sent: string[][] = [];
    const session = {
      post: async (_target: string, { requests }: { requests: { id: string; url: string }[] }) => {
        sent.push(requests.map(({ id }) => id));
        return { status: 200, headers: {}, body: { responses: make(requests) } };
      },
    } as unknown as Session;
    return { session, sent };
  }
  const targets = Array.from({ length: 45 }, (_, n) => `/users/${n}`);

  it('hold 20 requests at most, each with an id of its own, and bring answers in the order asked', async () => {
    const { session, sent } = answering((requests) =>
      requests.map(({ id, url }) => ({ id, status: 200, body: url })).reverse(),
    );
    const answers = await batch(session, targets);
    expect(answers.map(({ body }) => body)).to.deep.equal(targets);
    expect(sent.map((ids) => ids.length)).to.deep.equal([20, 20, 5]);
    for (const ids of sent) expect(new Set(ids.map((id) => id.toLowerCase())).size).to.equal(ids.length);
  });

  it('are not all well because their outer answer is: 200 says nothing of what is in them', async () => {
    const { session } = answering((requests) => requests.map(({ id }, at) => ({ id, status: at === 1 ? 404 : 200 })));
    expect((await batch(session, targets.slice(0, 3))).map(({ status }) => status)).to.deep.equal([200, 404, 200]);
  });

  it('with answers that are missing, strange or to nobody end the run', async () => {
    for (const responses of [[], [{ id: '0', status: 200 }], [{ id: '7', status: 200 }, null, 'M4RKER'], 'M4RKER']) {
      const { session } = answering(() => responses);
      const error = await failureOf(batch(session, targets.slice(0, 2)));
      expect(error.message)
        .to.match(/unanswered|does not speak as Microsoft Graph/)
        .and.not.to.include('M4RKER');
    }
  });

  it('of no requests are none', async () => {
    const { session, sent } = answering(() => []);
    expect(await batch(session, [])).to.deep.equal([]);
    expect(sent).to.deep.equal([]);
  });
});
