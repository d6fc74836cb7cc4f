/** A source in memory that tells what a test puts into it: deterministic, paged, and able to fail at a chosen place. */
import {
  type Connector,
  complete,
  connector,
  type Item,
  page,
  records,
  type SourceRecord,
  type State,
  TryLater,
  text,
} from '../../src/contract/index.ts';
import type { TenantConfiguration } from '../../src/store/index.ts';

export interface MemorySource {
  readonly connector: Connector;
  /** In order; replaced freely between readings. */
  people: SourceRecord[];
  pageSize: number;
  /** Ends the reading by a throw after so many pages. */
  failAfterPages: number | undefined;
  /** Ends the reading without `complete` after so many pages. */
  silentAfterPages: number | undefined;
  /** Called before each page is told, with its number from 0. */
  onPage: ((page: number) => void | Promise<void>) | undefined;
  /** Yields these instead, if set. */
  script: (() => AsyncIterable<Item>) | undefined;
  /** Pages handed out, by number, in order. */
  readonly fetched: number[];
  /** Fields asked for by the last reading. */
  asked: readonly string[];
}

export function memorySource(options: { resumable?: boolean; name?: string } = {}): MemorySource {
  const source: MemorySource = {
    people: [],
    pageSize: 100,
    failAfterPages: undefined,
    silentAfterPages: undefined,
    onPage: undefined,
    script: undefined,
    fetched: [],
    asked: [],
    connector: connector({
      name: options.name ?? 'memory',
      summary: 'People from the memory of a test.',
      version: 1,
      network: 'None.',
      permission: 'None.',
      settings: {
        place: text('Which list.', { default: 'here' }),
        directory: text('Name of the directory.', { default: 'memory' }),
      },
      streams: {
        users: {
          key: 'id',
          match: { 'directory-id': 'id', email: 'mail' },
          decide: { kind: 'Tells contractors from employees.', disabled: 'Tells leavers.' },
          keep: {
            given_name: 'given',
            family_name: 'family',
            email: 'mail',
            phone: 'phone',
            job_title: 'title',
            department: 'department',
          },
          inScope: ({ disabled }) => disabled !== 'yes',
          resumable: options.resumable ?? false,
          incremental: false,
          async *read({ fields, state }): AsyncIterable<Item> {
            source.asked = fields;
            if (source.script) return yield* source.script();
            const all = source.people;
            const pages = Math.ceil(all.length / source.pageSize);
            for (let number = startOf(state); number < pages; number++) {
              await source.onPage?.(number);
              if (source.failAfterPages === number)
                throw new TryLater('The source of this test is away; try again later.');
              if (source.silentAfterPages === number) return;
              source.fetched.push(number);
              yield records(all.slice(number * source.pageSize, (number + 1) * source.pageSize));
              yield page({ next: number + 1 }, all.length);
            }
            await source.onPage?.(pages);
            if (source.failAfterPages === pages)
              throw new TryLater('The source of this test is away; try again later.');
            if (source.silentAfterPages === pages) return;
            yield complete();
          },
          async *lookup({ people }) {
            for (const person of source.people) {
              const sought = people.some(
                ({ email, directoryId }) => email === String(person.mail).toLowerCase() || directoryId === person.id,
              );
              if (sought) yield person;
            }
          },
        },
      },
      check: async () => ({ findings: [{ step: 'connection', outcome: 'ok', sentence: 'In memory.' }] }),
    }),
  };
  return source;
}

const startOf = (state: State | null): number => (typeof state?.next === 'number' ? state.next : 0);

/** The connection that reads it, as most tests configure it. */
export const peopleConnection: TenantConfiguration['connections'][number] = {
  name: 'people',
  connector: 'memory',
  settings: { place: 'here', directory: 'memory' },
  streams: {},
  paused: false,
};

/** A person of the source: number `n` of a company whose names, addresses and ids are unique. */
export function employee(n: number, more: SourceRecord = {}): SourceRecord {
  const id = `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
  return {
    id,
    mail: `p${n}@acme.example`,
    given: `Given${n}`,
    family: `Family${n}`,
    phone: '+31 20 555 0100',
    title: `Title ${n}`,
    department: 'Tests',
    ...more,
  };
}

export const logOnOf = (n: number) => ({
  email: `p${n}@acme.example`,
  given_name: `Given${n}`,
  family_name: `Family${n}`,
});
