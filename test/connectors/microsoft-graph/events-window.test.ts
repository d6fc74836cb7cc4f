import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Item, SourceRecord } from '../../../src/contract/index.ts';
import type { GraphEvent, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { failureOf } from '../../support/failure.ts';
import { DAY, meeting, NOW, putRoom, ROOM, readRoom, sandbox, series, told } from './support.ts';

const byId = (items: readonly Item[]): SourceRecord[] =>
  [...told(items)].sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));

describe('microsoft-graph events, read as a window', () => {
  let source: SandboxGraph;
  beforeEach(async () => {
    source = await sandbox();
    putRoom(source);
  });
  afterEach(() => source.stop());

  const put = (...events: GraphEvent[]) => {
    for (const event of events) source.putEvent(ROOM, event);
  };
  const readWindow = () => readRoom(source, { now: NOW, settings: { reading: 'window' } });
  const views = () => source.requests().filter(({ url }) => url.includes('/calendarView'));
  const dates = ['2026-11-17', '2026-12-01', '2026-12-08', '2026-12-15'];

  it('tell the same as their delta: singles, series from before the window, exceptions, whole days, cancelled ones', async () => {
    put(
      meeting('single', '10'),
      meeting('cancelled', '11', { isCancelled: true }),
      meeting('declined', '12', { responseStatus: { response: 'declined' } }),
      meeting('day', '13', {
        isAllDay: true,
        start: { dateTime: `${DAY}T00:00:00.0000000`, timeZone: 'UTC' },
        end: { dateTime: '2026-12-03T00:00:00.0000000', timeZone: 'UTC' },
      }),
      series('series', dates),
      { ...meeting('moved', '16'), type: 'exception', seriesMasterId: 'series', showAs: 'tentative' },
      meeting('nowhen', '17', { originalStartTimeZone: 'tzone://Microsoft/Custom', isAllDay: true }),
    );
    const window = await readWindow();
    const changes = await readRoom(source, { now: NOW });
    expect(byId(window)).to.deep.equal(byId(changes));
    expect(byId(window).map(({ id }) => id)).to.include.members(['single', 'moved', 'day', 'series-2026-12-15']);
    const groups = window.flatMap((item) => (item.item === 'whole' ? [item.group] : []));
    expect(groups).to.deep.equal(['series']);
    expect(window.filter(({ item }) => item === 'skip')).to.deep.equal([{ item: 'skip', key: 'nowhen' }]);
  });

  it('end with their window and no state, and cost one request a calendar', async () => {
    put(...Array.from({ length: 200 }, (_, n) => meeting(`e${n}`, '10')));
    expect((await readWindow()).at(-1)).to.deep.equal({
      item: 'complete',
      within: { from: new Date('2026-11-30T00:00:00Z'), to: new Date('2027-03-02T00:00:00Z') },
      state: undefined,
    });
    expect(views()).to.have.length(1);
  });

  it('are asked for what is looked at, and for nothing else', async () => {
    put(meeting('e', '10'));
    await readWindow();
    const [view] = views();
    const select = new URL(view!.url, source.graphUrl).searchParams.get('$select')!.split(',');
    expect(select).to.have.members([
      'id',
      'type',
      'seriesMasterId',
      'start',
      'end',
      'isAllDay',
      'showAs',
      'isCancelled',
      'responseStatus',
      'organizer',
      'originalStartTimeZone',
    ]);
    expect(view!.url).to.not.include('/delta');
    expect(view!.headers.prefer).to.equal('outlook.timezone="UTC"');
  });

  describe('of more than one page', () => {
    const MANY = 1_200;
    beforeEach(() => put(...Array.from({ length: MANY }, (_, n) => meeting(`e${n}`, '10'))));
    /** Does it each time another of these pages was told, while the next one is awaited. */
    async function afterPages(pages: readonly number[], act: (page: number) => void): Promise<Item[]> {
      source.oddities({ latency_ms: 60 });
      const reading = readWindow().catch((error) => error);
      for (const page of pages) {
        while (views().length < page) await sleep(2);
        act(page);
      }
      const items = await reading;
      if (items instanceof Error) throw items;
      return items;
    }

    it('are believed when they are told twice alike', async () => {
      expect(told(await readWindow())).to.have.length(MANY);
      expect(views()).to.have.length(4);
    });

    it('lose none that moved up over the edge of a page when another was deleted', async () => {
      const items = await afterPages([1], () => source.removeEvent(ROOM, 'e0'));
      expect(new Set(told(items).map(({ id }) => id)).size).to.equal(MANY - 1);
      expect(views()).to.have.length(6);
    });

    it('are not believed when they change each time', async () => {
      const changing = afterPages([1, 3, 5, 7], (page) => source.removeEvent(ROOM, `e${page}`));
      const failure = await failureOf(changing);
      expect(failure).to.include({ name: 'TryLater' });
      expect(views()).to.have.length(8);
    });
  });

  it('name the entry of a mailbox that is gone', async () => {
    source.putUser({ id: 'u', userPrincipalName: 'gone@acme.example', accountEnabled: false });
    const reading = readRoom(source, {
      now: NOW,
      partition: 'gone@acme.example',
      settings: { reading: 'window', mailboxes: ['gone@acme.example'] },
    });
    expect((await failureOf(reading)).message).to.match(/entry 1 of the setting mailboxes/);
  });
});
