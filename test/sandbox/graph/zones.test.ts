import { expect } from 'chai';
import { instantOf, wallClock } from '../../../src/sandbox/graph/zones.ts';

const instant = (dateTime: string, timeZone: string) => new Date(instantOf({ dateTime, timeZone })).toISOString();

describe('time zones of the sandbox', () => {
  it('read wall clocks of Windows and IANA zones', () => {
    expect(instant('2026-01-15T12:00:00.0000000', 'Pacific Standard Time')).to.equal('2026-01-15T20:00:00.000Z');
    expect(instant('2026-07-15T12:00', 'Europe/Athens')).to.equal('2026-07-15T09:00:00.000Z');
    expect(instant('2026-07-15', 'UTC')).to.equal('2026-07-15T00:00:00.000Z');
    expect(instant('2026-07-15T12:00:00.5', 'India Standard Time')).to.equal('2026-07-15T06:30:00.500Z');
  });

  it('take the first of an hour that comes twice, and move on from one that is skipped', () => {
    expect(instant('2026-10-25T02:30:00', 'W. Europe Standard Time')).to.equal('2026-10-25T00:30:00.000Z');
    expect(instant('2026-10-25T03:00:00', 'W. Europe Standard Time')).to.equal('2026-10-25T02:00:00.000Z');
    expect(instant('2026-03-29T02:30:00', 'W. Europe Standard Time')).to.equal('2026-03-29T01:30:00.000Z');
    expect(instant('2026-03-29T03:00:00', 'W. Europe Standard Time')).to.equal('2026-03-29T01:00:00.000Z');
  });

  it('write what they read', () => {
    for (const zone of ['UTC', 'Europe/Athens', 'Tokyo Standard Time', 'Asia/Kathmandu', 'Eastern Standard Time']) {
      for (let hour = 0; hour < 24 * 366; hour += 7) {
        const at = Date.UTC(2026, 0, 1, hour, 17);
        const read = instantOf(wallClock(at, zone));
        // In the hour that comes twice the second becomes the first.
        expect(at - read, `${zone} ${new Date(at).toISOString()}`).to.be.oneOf([0, 3600_000]);
        expect(wallClock(read, zone)).to.deep.equal(wallClock(at, zone));
      }
    }
  });

  it('refuse a zone or a time that they cannot read', () => {
    expect(() => instant('2026-01-15T12:00:00', 'Middle Earth')).to.throw(RangeError);
    for (const bad of ['2026-01-15T12:00:00Z', '2026-13-15T12:00:00', 'tomorrow', '']) {
      expect(() => instant(bad, 'UTC'), bad).to.throw(RangeError);
    }
  });
});
