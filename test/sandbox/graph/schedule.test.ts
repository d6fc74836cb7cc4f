import { expect } from 'chai';
import { at, type Client, connect, daily, type Item, single, user } from './support.ts';

const utc = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });
const day3 = { startTime: utc('2026-03-03T08:00:00'), endTime: utc('2026-03-03T12:00:00') };

describe('getSchedule of the sandbox', () => {
  let client: Client;
  beforeEach(async () => {
    client = await connect();
    client.graph.putUser(user('ann'));
    client.graph.putUser(user('bob'));
  });
  afterEach(() => client.graph.stop());
  const ask = (more: object = {}, headers = {}) =>
    client.post('/users/id-ann/calendar/getSchedule', { schedules: ['ann@acme.example'], ...day3, ...more }, headers);
  const only = async (more: object = {}, headers = {}): Promise<Item> => (await ask(more, headers)).body.value[0];

  it('tells free and busy, by the slot and by the item', async () => {
    client.graph.putEvent('ann@acme.example', single('one', 3, 9));
    client.graph.putEvent('ann@acme.example', single('two', 3, 11, { showAs: 'oof' }));
    const told = await only();
    expect(told.availabilityView).to.equal('00220033');
    expect(told.scheduleItems[0]).to.deep.include({
      status: 'busy',
      start: { dateTime: '2026-03-03T09:00:00.0000000', timeZone: 'UTC' },
    });
    expect((await only({ availabilityViewInterval: 60 })).availabilityView).to.equal('0203');
    expect((await only({}, { prefer: 'outlook.timezone="Europe/Athens"' })).scheduleItems[0].start).to.deep.equal({
      dateTime: '2026-03-03T11:00:00.0000000',
      timeZone: 'Europe/Athens',
    });
  });

  it('expands series, and takes no time for what was cancelled', async () => {
    client.graph.putEvent('ann@acme.example', daily('series', 1, 5));
    client.graph.putEvent('ann@acme.example', single('off', 3, 11, { isCancelled: true }));
    expect((await only()).availabilityView).to.equal('00110000');
  });

  it('tells working elsewhere as 4, or as older pages have it', async () => {
    client.graph.putEvent('ann@acme.example', single('one', 3, 9, { showAs: 'workingElsewhere' }));
    const newer = await only();
    expect([newer.availabilityView, newer.scheduleItems[0].status]).to.deep.equal(['00440000', 'workingElsewhere']);
    expect(newer.workingHours.timeZone).to.deep.equal({ name: 'GTB Standard Time' });
    client.graph.oddities({ olderSchedule: true });
    const older = await only();
    expect([older.availabilityView, older.scheduleItems[0].status]).to.deep.equal(['00000000', 'WorkingElsewhere']);
    expect(older.workingHours.timeZone.name).to.equal('Customized Time Zone');
  });

  it('shows subject and place unless the event is private', async () => {
    const place = { location: { displayName: 'Room 1' } };
    client.graph.putEvent('ann@acme.example', single('one', 3, 9, place));
    client.graph.putEvent('ann@acme.example', single('two', 3, 10, { ...place, sensitivity: 'private' }));
    const { scheduleItems } = await only();
    expect(scheduleItems[0]).to.include({ subject: 'Secret plan', location: 'Room 1', isPrivate: false });
    expect(scheduleItems[1]).to.include({ isPrivate: true }).and.not.include.any.keys('subject', 'location');
  });

  it('answers 200 with an error for an address that nobody has', async () => {
    const { status, body } = await ask({ schedules: ['bob@acme.example', 'nobody@acme.example'] });
    expect(status).to.equal(200);
    expect(body.value[0]).to.include({ scheduleId: 'bob@acme.example', availabilityView: '00000000' });
    expect(body.value[1].error.responseCode).to.equal('ErrorMailRecipientNotFound');
    expect(body.value[1]).to.not.have.property('scheduleItems');
  });

  it('answers an error for more than 1000 entries', async () => {
    for (let index = 0; index <= 1000; index += 1) {
      client.graph.putEvent('ann@acme.example', single(`one-${index}`, 3, 9));
      if (index === 999) expect((await only()).scheduleItems).to.have.length(1000);
    }
    expect((await only()).error.responseCode).to.equal('5006');
  });

  const codeOf = async (more: object) => {
    const { status, body } = await ask(more);
    return status === 200 ? 200 : [status, body.error.code];
  };

  it('takes 20 addresses and no more', async () => {
    const many = (count: number) => ({
      schedules: Array.from({ length: count }, (_, index) => `${index}@acme.example`),
    });
    expect(await codeOf(many(20))).to.equal(200);
    expect(await codeOf(many(21))).to.deep.equal([400, 'ErrorMailboxDataArrayTooBig']);
  });

  it('takes a window shorter than 62 days', async () => {
    const until = (end: string) => ({ startTime: utc('2026-03-01T00:00:00'), endTime: utc(end) });
    expect(await codeOf(until('2026-05-01T23:59:59'))).to.equal(200);
    expect(await codeOf(until('2026-05-02T00:00:00'))).to.deep.equal([400, 'ErrorTimeIntervalTooBig']);
    expect(await codeOf({ startTime: { dateTime: 'x' } })).to.deep.equal([400, 'ErrorInvalidParameter']);
  });

  it('takes slots of 5 to 1440 minutes, and breaks on null', async () => {
    for (const [interval, wanted] of [
      [4, 400],
      [5, 200],
      [1440, 200],
      [1441, 400],
      [null, 500],
    ] as const) {
      expect((await ask({ availabilityViewInterval: interval })).status, String(interval)).to.equal(wanted);
    }
  });

  it('is asked of a mailbox that the application may open', async () => {
    client.graph.scopeMailboxes(['bob@acme.example']);
    expect(await codeOf({})).to.deep.equal([403, 'ErrorAccessDenied']);
  });

  it('writes all-day events from midnight to midnight', async () => {
    client.graph.putEvent('ann@acme.example', {
      ...single('day', 3, 0),
      isAllDay: true,
      ...at(3, 0),
      end: utc('2026-03-04T00:00:00'),
    });
    const told = await only({}, { prefer: 'outlook.timezone="Tokyo Standard Time"' });
    expect(told.scheduleItems[0].start.dateTime).to.equal('2026-03-03T00:00:00.0000000');
    expect(told.availabilityView).to.equal('22222222');
  });
});
