import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type {
  HeldSubscription,
  KeepContext,
  Kept,
  Received,
  SettingsShape,
  Watched,
} from '../../../src/contract/index.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { certificates } from '../../support/certificates.ts';
import { expectGoodSentence } from '../../support/connector-suite/sentences.ts';
import { testClock } from '../../support/hub.ts';
import { type WebSource, webSource } from '../../support/web-source.ts';
import { contextFor, NOW, putRoom, ROOM, sandbox } from './support.ts';

const notifications = graph.notifications!;
const MINUTE_MS = 60_000;
const users: Watched = { stream: 'users', partition: '' };
const room: Watched = { stream: 'events', partition: ROOM };

describe('notifications that microsoft-graph receives', () => {
  const receive = (body: unknown, query = {}): Received => notifications.receive({ query, body });
  const change = (more: object = {}) => ({
    subscriptionId: 's-1',
    clientState: 'secret',
    changeType: 'updated',
    resource: 'Users/M4RKER-resource/Events/M4RKER',
    tenantId: 'M4RKER-tenant',
    resourceData: { id: 'M4RKER-id', '@odata.id': 'Users/M4RKER', subject: 'M4RKER-subject' },
    ...more,
  });

  it('begin with a test of the address, answered with the token as it came decoded, and with nothing else', () => {
    const query = { validationToken: 'Validation: a b+c%20d <x>', other: 'M4RKER' };
    expect(receive({ value: [change()] }, query)).to.deep.equal({ answer: 'Validation: a b+c%20d <x>' });
  });

  it('say whose subscription it is and what kind, several at a time, and nothing of what changed', () => {
    const received = receive({
      value: [
        change(),
        change({ subscriptionId: 's-2', changeType: 'deleted' }),
        change({ changeType: undefined, lifecycleEvent: 'missed' }),
        change({ lifecycleEvent: 'reauthorizationRequired' }),
        change({ lifecycleEvent: 'subscriptionRemoved' }),
      ],
    });
    const secret = 'secret';
    expect(received).to.deep.equal({
      notices: [
        { subscription: 's-1', secret, kind: 'changed' },
        { subscription: 's-2', secret, kind: 'changed' },
        { subscription: 's-1', secret, kind: 'missed' },
        { subscription: 's-1', secret, kind: 'renew' },
        { subscription: 's-1', secret, kind: 'removed' },
      ],
    });
    expect(JSON.stringify(received)).not.to.include('M4RKER');
  });

  it('are ignored where they are not understood', () => {
    const nonsense = [
      null,
      7,
      [],
      'text',
      change({ subscriptionId: 7 }),
      change({ subscriptionId: 'x'.repeat(129) }),
      change({ clientState: null }),
      change({ clientState: '' }),
      change({ changeType: 3 }),
      change({ lifecycleEvent: 'toString' }),
      change({ lifecycleEvent: { missed: true } }),
    ];
    for (const body of [undefined, null, 'x', [], {}, { value: 'x' }, { value: {} }, { value: nonsense }])
      expect(receive(body), JSON.stringify(body)).to.deep.equal({ notices: [] });
    const many = Array.from({ length: 5_000 }, () => change());
    expect((receive({ value: many }) as { notices: unknown[] }).notices).to.have.length(1_000);
  });
});

describe('subscriptions that microsoft-graph keeps', () => {
  const clock = testClock(NOW);
  let source: SandboxGraph;
  let endpoint: WebSource;
  let reachable: boolean;
  let secrets: number;
  beforeEach(async () => {
    clock.set(NOW);
    secrets = 0;
    reachable = true;
    source = await sandbox({ clock, notificationAuthority: certificates.authority });
    source.grant(['User.Read.All', 'Place.Read.All', 'Calendars.Read']);
    putRoom(source);
    endpoint = await webSource((request, response) => {
      const token = new URL(request.url ?? '', 'https://x').searchParams.get('validationToken');
      response.writeHead(reachable ? 200 : 502, { 'content-type': 'text/plain' }).end(token ?? '');
    });
  });
  afterEach(async () => {
    await endpoint.stop();
    await source.stop();
  });

  async function keep(watched: readonly Watched[], held: readonly HeldSubscription[] = [], settings = {}) {
    const {
      settings: completed,
      net,
      signal,
    } = contextFor(source, 'users', {
      settings: { mailboxes: [ROOM], notifications: true, ...settings },
    });
    const context: KeepContext<SettingsShape> = {
      settings: completed,
      net,
      signal,
      now: clock.now(),
      held,
      watched,
      address: `${endpoint.origin}/push/v1/token`,
      newSecret: () => `secret ${++secrets}`,
    };
    const kept: Kept[] = [];
    const before = source.requests().length;
    let sentence = '';
    try {
      for await (const one of notifications.keep(context)) kept.push(one);
    } catch (error) {
      sentence = (error as Error).message;
      expectGoodSentence(sentence);
      expect(sentence).not.to.match(/acme|127\.0\.0\.1|token/);
    }
    const asked = source.requests().slice(before);
    return {
      kept,
      sentence,
      asked: asked.filter(({ url }) => url.includes('/subscriptions')).map((one) => one.method),
    };
  }
  const heldOf = (kept: readonly Kept[]): HeldSubscription[] =>
    kept.flatMap((one) =>
      one.kept === 'ended' ? [] : [{ ...one.subscription, renew: false, lost: false, moved: false }],
    );
  const standing = () =>
    source
      .subscriptions()
      .map(({ resource, expirationDateTime }) => [
        resource,
        (Date.parse(expirationDateTime) - clock.now().getTime()) / MINUTE_MS,
      ])
      .sort();
  const both = [
    ['users', 41_700],
    [`users/${ROOM}/events`, 10_000],
  ];

  it('are on only where tenant IT switched them on', () => {
    expect(notifications.on({} as never)).to.equal(false);
    expect(notifications.on({ notifications: false } as never)).to.equal(false);
    expect(notifications.on({ notifications: true } as never)).to.equal(true);
    expect(graph.settings.notifications?.default).to.equal(false);
  });

  it('are made for what is watched, for as long as Graph allows, each with a secret of its own', async () => {
    const { kept } = await keep([users, room]);
    expect(standing()).to.deep.equal(both);
    expect(kept.map((one) => (one.kept === 'made' ? one.secret : ''))).to.have.members(['secret 1', 'secret 2']);
    const ids = source.subscriptions().map(({ id }) => id);
    expect(heldOf(kept).map(({ id }) => id)).to.have.members(ids);
    // Each is tested twice: for changes, and for what becomes of the subscription.
    expect(endpoint.requests.map(({ url }) => url.split('?')[0])).to.deep.equal(Array(4).fill('/push/v1/token'));
  });

  it('cost nothing while they stand, and are renewed when half of their life is over', async () => {
    const held = heldOf((await keep([users, room])).kept);
    clock.advance(4_999 * MINUTE_MS);
    expect((await keep([users, room], held)).asked).to.deep.equal([]);
    clock.advance(2 * MINUTE_MS);
    const { kept, asked } = await keep([users, room], held);
    expect(asked).to.deep.equal(['PATCH']);
    expect(kept).to.have.length(1);
    expect(kept[0]).to.deep.include({ kept: 'renewed' });
    expect(standing().find(([resource]) => resource !== 'users')![1]).to.equal(10_000);
    expect(heldOf(kept)[0]!.expiresAt.toISOString()).to.equal(
      source.subscriptions().find(({ resource }) => resource !== 'users')!.expirationDateTime,
    );
  });

  it('are renewed at once when Graph asks for it, and made anew when they are gone there', async () => {
    const held = heldOf((await keep([users, room])).kept);
    const asked = held.map((one) => ({ ...one, renew: one.stream === 'users' }));
    expect((await keep([users, room], asked)).asked).to.deep.equal(['PATCH']);
    source.lifecycle('subscriptionRemoved', 'users');
    const again = await keep([users, room], asked);
    expect(again.asked).to.deep.equal(['PATCH', 'POST']);
    expect(again.kept.map(({ kept }) => kept)).to.deep.equal(['ended', 'made']);
    expect(standing()).to.deep.equal(both);
    const lost = held.map((one) => ({ ...one, lost: one.stream === 'events' }));
    source.lifecycle('subscriptionRemoved', `users/${ROOM}/events`);
    expect(
      (
        await keep(
          [room],
          lost.filter(({ stream }) => stream === 'events'),
        )
      ).asked,
    ).to.deep.equal(['POST']);
    expect(standing()).to.deep.equal(both);
  });

  it('are ended and made anew when they call an address that is no longer ours', async () => {
    const held = heldOf((await keep([room])).kept);
    const { kept, asked } = await keep(
      [room],
      held.map((one) => ({ ...one, moved: true })),
    );
    expect([asked, kept.map(({ kept: what }) => what)]).to.deep.equal([
      ['DELETE', 'POST'],
      ['ended', 'made'],
    ]);
  });

  it('are made anew when they ran out while the hub was away', async () => {
    const held = heldOf((await keep([room])).kept);
    clock.advance(8 * 24 * 60 * MINUTE_MS);
    const { kept, asked } = await keep([room], held);
    expect(asked).to.deep.equal(['POST']);
    expect(kept.map(({ kept: what }) => what)).to.deep.equal(['ended', 'made']);
  });

  it('are ended for what is watched no more, also where Graph has ended them already', async () => {
    const held = heldOf((await keep([users, room])).kept);
    const { kept, asked } = await keep([users], held);
    expect([asked, kept.map(({ kept: what }) => what)]).to.deep.equal([['DELETE'], ['ended']]);
    expect(standing().map(([resource]) => resource)).to.deep.equal(['users']);
    const gone = await keep([], held);
    expect(gone.kept.map(({ kept: what }) => what)).to.deep.equal(['ended', 'ended']);
    expect(standing()).to.deep.equal([]);
  });

  it('take the place of one that a killed run made and could not write down', async () => {
    await keep([room, users]);
    const before = source.subscriptions().map(({ id }) => id);
    const { kept, asked, sentence } = await keep([room]);
    expect(sentence).to.equal('');
    expect(asked).to.deep.equal(['POST', 'GET', 'DELETE', 'POST']);
    expect(kept.map(({ kept: what }) => what)).to.deep.equal(['made']);
    expect(standing(), 'the other one is left alone').to.deep.equal(both);
    expect(before).not.to.include(heldOf(kept)[0]!.id);
  });

  it('say which permission is missing, and keep those that may be had', async () => {
    source.grant(['User.Read.All', 'Place.Read.All', 'Calendars.ReadBasic.All']);
    const { kept, sentence } = await keep([users, room]);
    expect(sentence).to.match(/^One subscription .*schedules read all the same.*403.*Calendars\.Read/);
    expect(heldOf(kept).map(({ stream }) => stream)).to.deep.equal(['users']);
  });

  it('stop at the first round where nobody answers at the address, and say what to open', async () => {
    reachable = false;
    const rooms = Array.from({ length: 9 }, (_, n) => `room-${n}@acme.example`);
    for (const one of rooms) source.putUser({ id: one, mail: one, accountEnabled: false });
    const { kept, sentence, asked } = await keep(
      rooms.map((partition) => ({ stream: 'events', partition })),
      [],
      { mailboxes: rooms, in_flight: 3 },
    );
    expect(kept).to.deep.equal([]);
    expect(asked).to.have.length(3);
    expect(sentence).to.match(/SLUICE_PUBLIC_URL.*\/push\/v1\//);
  });

  it('are never made for a mailbox that tenant IT did not name', async () => {
    const { asked, sentence } = await keep([{ stream: 'events', partition: 'boss@acme.example' }]);
    expect(asked).to.deep.equal([]);
    expect(sentence).to.match(/not among the mailboxes/);
  });

  it('wait as Graph asks them to when it is busy', async () => {
    source.fault({ status: 429, method: 'POST', path: '/subscriptions', retryAfter: 1 });
    const { kept, asked } = await keep([users]);
    expect([asked, kept.length]).to.deep.equal([['POST', 'POST'], 1]);
    source.fault({ status: 429, method: 'POST', path: '/subscriptions', retryAfter: 600 });
    expect((await keep([room])).sentence).to.match(/busy/);
  });
});
