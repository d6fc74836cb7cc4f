import { expect } from 'chai';
import fc from 'fast-check';
import { instantAt, isMidnight, wallOf } from '../../../connectors/microsoft-graph/times.ts';
import { ianaZone } from '../../../connectors/microsoft-graph/zones.ts';
import { namesOfGraph, oldWindowsNames, windowsNames } from './zone-names.ts';

const at = (wall: string, zone: string) => instantAt(wallOf(`${wall}:00.0000000`)!, zone).toISOString();

describe('microsoft-graph zones', () => {
  it('are known by their Windows names, in any case', async () => {
    for (const [told, zone] of [
      ['W. Europe Standard Time', 'Europe/Berlin'],
      ['eastern standard time', 'America/New_York'],
      ['Nepal Standard Time', 'Asia/Katmandu'],
      ['UTC', 'Etc/UTC'],
      ['UTC-11', 'Etc/GMT+11'],
      ['tzone://Microsoft/Utc', 'Etc/UTC'],
    ] as const)
      expect(await ianaZone(told)).to.equal(zone);
  });

  it('are known by IANA names, those of Graph with an older name behind them too', async () => {
    for (const [told, zone] of [
      ['Europe/Berlin', 'Europe/Berlin'],
      ['America/Argentina/Salta', 'America/Argentina/Salta'],
      ['Etc/GMT+12', 'Etc/GMT+12'],
      ['Europe/Kyiv (Kiev)', 'Europe/Kyiv'],
      ['Asia/Toshkent (Tashkent)', 'Asia/Tashkent'],
      ['Asia/Astana (Almaty)', 'Asia/Almaty'],
      ['Asia/Yangon (Rangoon)', 'Asia/Yangon'],
    ] as const)
      expect(await ianaZone(told), told).to.equal(zone);
  });

  /** Minutes by which the clock there is ahead of UTC in the half of the year in which it is less ahead. */
  const standard = (timeZone: string) => {
    const shown = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
    const ahead = (month: number) => {
      const instant = Date.UTC(2026, month, 15);
      return (Date.parse(`${shown.format(instant).replace(' ', 'T')}Z`) - instant) / 60_000;
    };
    return Math.min(ahead(0), ahead(6));
  };

  it('are known by all 139 names of Windows, each as far from UTC as Windows says', async () => {
    const named = Object.entries(windowsNames).flatMap(([offset, names]) =>
      names.map((name) => [offset, name.startsWith('=') ? name.slice(1) : `${name} Standard Time`] as const),
    );
    expect(new Set(named.map(([, name]) => name)).size).to.equal(139);
    for (const [offset, name] of named) {
      const zone = await ianaZone(name);
      expect(zone, name).to.be.a('string');
      const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(offset)!;
      expect(standard(zone!), `${name} ${zone}`).to.equal(Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)));
    }
    for (const name of oldWindowsNames) expect(await ianaZone(name), name).to.equal(undefined);
  });

  it('are known by every name that Graph says it writes besides', async () => {
    expect(namesOfGraph.filter((name) => name.includes('('))).to.have.length(4);
    for (const name of namesOfGraph) expect(await ianaZone(name), name).to.be.a('string');
  });

  it('are none if custom, unknown, or an offset', async () => {
    for (const told of [
      'tzone://Microsoft/Custom',
      'Customized Time Zone',
      'customTimeZone',
      'Mars/Base',
      '+02:00',
      '',
    ])
      expect(await ianaZone(told), told).to.equal(undefined);
  });
});

describe('microsoft-graph times', () => {
  it('are read with seven fractional digits, and not at all if they are none', () => {
    expect(new Date(wallOf('2019-03-15T12:00:00.1234567')!).toISOString()).to.equal('2019-03-15T12:00:00.123Z');
    expect(new Date(wallOf('2019-03-15T12:00:00')!).toISOString()).to.equal('2019-03-15T12:00:00.000Z');
    for (const none of [
      '',
      '2019-02-30T12:00:00',
      '2019-03-15',
      '2019-03-15T25:00:00',
      '2019-03-15T12:00:00Z',
      'M4RKER',
    ])
      expect(wallOf(none), none).to.equal(undefined);
  });

  it('follow summer and winter time', () => {
    expect(at('2026-07-01T00:00', 'Europe/Berlin')).to.equal('2026-06-30T22:00:00.000Z');
    expect(at('2026-12-01T00:00', 'Europe/Berlin')).to.equal('2026-11-30T23:00:00.000Z');
    expect(at('2026-03-29T12:00', 'Europe/Berlin'), 'on the day it begins').to.equal('2026-03-29T10:00:00.000Z');
    expect(at('2026-10-25T12:00', 'Europe/Berlin'), 'on the day it ends').to.equal('2026-10-25T11:00:00.000Z');
    expect(at('2026-12-01T00:00', 'Asia/Kolkata')).to.equal('2026-11-30T18:30:00.000Z');
    expect(at('2026-12-01T00:00', 'Pacific/Kiritimati')).to.equal('2026-11-30T10:00:00.000Z');
  });

  it('shown twice in autumn count the first time', () => {
    expect(at('2026-10-25T02:30', 'Europe/Berlin')).to.equal('2026-10-25T00:30:00.000Z');
  });

  it('skipped in spring are the first instant after: a day may begin at one o’clock', () => {
    expect(at('2026-03-29T02:30', 'Europe/Berlin')).to.equal('2026-03-29T01:30:00.000Z');
    expect(at('2026-04-24T00:00', 'Africa/Cairo')).to.equal('2026-04-23T22:00:00.000Z');
  });

  it('are told from midnight', () => {
    expect(isMidnight(wallOf('2026-04-24T00:00:00.0000000')!)).to.equal(true);
    expect(isMidnight(wallOf('2026-04-24T00:00:01.0000000')!)).to.equal(false);
  });

  it('are, on the clock of their zone, what was told, but for the hours that it skips', () => {
    const zones = ['Europe/Berlin', 'America/St_Johns', 'Asia/Tokyo', 'Australia/Lord_Howe', 'Pacific/Auckland'];
    const minutes = { min: Date.UTC(2020, 0) / 60_000, max: Date.UTC(2035, 0) / 60_000 };
    fc.assert(
      fc.property(fc.integer(minutes), fc.constantFrom(...zones), (minute, timeZone) => {
        const wall = minute * 60_000;
        const parts = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
        const shown = Date.parse(`${parts.format(instantAt(wall, timeZone)).replace(' ', 'T')}Z`);
        expect(shown - wall).to.be.oneOf([0, 1_800_000, 3_600_000]);
      }),
    );
  });
});
