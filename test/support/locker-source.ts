/** Lockers and assignments from the memory of a test. */
import {
  type Connector,
  complete,
  connector,
  type Item,
  records,
  type SourceRecord,
} from '../../src/contract/index.ts';

export interface LockerSource {
  readonly connector: Connector;
  lockers: SourceRecord[];
  assignments: SourceRecord[];
  /** Told after the lockers, and after the assignments. */
  more: { lockers: Item[]; assignments: Item[] };
}

export function lockerSource(): LockerSource {
  const source: LockerSource = {
    lockers: [],
    assignments: [],
    more: { lockers: [], assignments: [] },
    connector: connector({
      name: 'memory-lockers',
      summary: 'Lockers from the memory of a test.',
      version: 1,
      network: 'None.',
      permission: 'None.',
      settings: {},
      check: async () => ({ findings: [] }),
      streams: {
        lockers: {
          key: 'no',
          keep: { bank: 'bank', number: 'no', place: 'place', status: 'status', size: 'size' },
          async *read() {
            yield records(source.lockers);
            yield* source.more.lockers;
            yield complete();
          },
        },
        locker_assignments: {
          key: 'no',
          match: { email: 'mail' },
          keep: { locker: 'no', until: 'until', shared: 'shared' },
          async *read() {
            yield records(source.assignments);
            yield* source.more.assignments;
            yield complete();
          },
        },
      },
    }),
  };
  return source;
}

export const locker = (no: string): SourceRecord => ({ no, bank: 'B', place: 'Hall', status: 'free', size: 'M' });
export const assignment = (no: string, mail: string): SourceRecord => ({
  no,
  mail,
  until: '2999-01-01T00:00:00Z',
  shared: 'no',
});
