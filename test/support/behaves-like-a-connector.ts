import { expect } from 'chai';
import {
  type Connector,
  decoded,
  type Item,
  passed,
  type SourceRecord,
  type State,
  streamOf,
} from '../../src/contract/index.ts';
import { gate, gateAbout, type Rules } from '../../src/gate/gate.ts';
import { isStreamName, type StreamDeclaration, type StreamName, streams } from '../../src/model/model.ts';
import { type BadSettings, derivedBadSettings } from './connector-suite/bad-settings.ts';
import { inspectDeclaration } from './connector-suite/declaration.ts';
import { listed, theirsIn } from './connector-suite/declared.ts';
import { Reader } from './connector-suite/reader.ts';
import { expectSentence } from './connector-suite/sentences.ts';
import type { LiveSource, Sample, SourceHarness } from './connector-suite/source.ts';
import { everythingAbout } from './failure.ts';

export type { BadSettings } from './connector-suite/bad-settings.ts';
export type { LiveSource, Sample, SourceHarness } from './connector-suite/source.ts';

export interface SuiteOptions {
  readonly source: SourceHarness;
  /** Settings beyond those that the live source supplies. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Oddities of this connector; what follows from the kinds of its settings is tried anyway. */
  readonly badSettings?: readonly BadSettings[];
}

const RECORDS = 12;

/** The tests that every connector inherits. An oddity met once, in whatever system, joins them for all. */
export function behavesLikeAConnector(connector: Connector, options: SuiteOptions): void {
  const { source } = options;
  const names = Object.keys(connector.streams).filter(isStreamName);
  const contents = (count = RECORDS) =>
    Object.fromEntries(names.map((name) => [name, samples(source, name, count)])) as Record<StreamName, Sample[]>;

  async function live<T>(work: (live: LiveSource, reader: Reader) => Promise<T>, held = contents()): Promise<T> {
    const started = await source.start(held);
    try {
      return await work(started, new Reader(connector, { ...options.settings, ...started.settings }));
    } finally {
      await started.stop();
    }
  }

  describe(`${connector.name} behaves like a connector`, () => {
    describe('its declaration', () => inspectDeclaration(connector));

    for (const stream of names)
      describe(`its stream ${stream}`, () => {
        it('tells every record and ends with complete', () =>
          live(async (_live, reader) => {
            const { items, error } = await reader.read(stream);
            expect(error).to.equal(undefined);
            expect(items.at(-1)?.item).to.equal('complete');
            expect(keysOf(connector, stream, items)).to.have.length(RECORDS);
          }));

        it('tells the same in two readings of an unchanged source', () =>
          live(async (_live, reader) => {
            const [first, second] = [await reader.read(stream), await reader.read(stream)];
            expect(sorted(second.items)).to.deep.equal(sorted(first.items));
          }));

        it('tells an empty source as complete and empty, or refuses it', () =>
          live(
            async (_live, reader) => {
              const { items, error } = await reader.read(stream);
              expect(recordsOf(items)).to.deep.equal([]);
              if (error) expectSentence(error);
              else expect(items.at(-1)?.item).to.equal('complete');
            },
            { ...contents(), [stream]: [] },
          ));

        for (const [what, state] of hostileStates)
          it(`neither crashes on nor skips anything for ${what}`, () =>
            live(async (_live, reader) => {
              const honest = await reader.read(stream);
              for (const mode of modesOf(connector, stream)) {
                const { items, error, anew } = await reader.read(stream, { state, mode });
                if (error) expectSentence(error);
                else expect(sorted(items)).to.deep.equal(sorted(honest.items));
                // Read from the beginning as if it were changes, what is gone would never be missed.
                if (mode === 'incremental' && !error) expect(anew, 'begun anew').to.equal(true);
              }
            }));

        it('never ends with complete when the source breaks off, wherever that is', () =>
          live(async (one, reader) => {
            one.bytesSent();
            await reader.read(stream);
            const total = one.bytesSent();
            expect(total, 'bytes of a whole reading').to.be.above(100);
            for (const bytes of cutsWithin(total)) {
              one.cutAfter(bytes);
              const { items, error } = await reader.read(stream);
              expect(
                items.some(({ item }) => item === 'complete'),
                `complete after ${bytes} of ${total} bytes`,
              ).to.equal(false);
              expect(error, `an error after ${bytes} of ${total} bytes`).not.to.equal(undefined);
              expectSentence(error);
              expect(quoted(error, contents()[stream]), `quotes a record after ${bytes} bytes`).to.deep.equal([]);
            }
            one.cutAfter(undefined);
            expect((await reader.read(stream)).items.at(-1)?.item, 'whole again').to.equal('complete');
          })).timeout(60_000);

        it('quotes nothing of what a source sends that speaks no protocol', () =>
          live(async (one, reader) => {
            one.garble('M4RKER-garbled person@garbled.example');
            const { items, error } = await reader.read(stream);
            expect(items.some(({ item }) => item === 'complete')).to.equal(false);
            expectSentence(error);
            expect(everythingAbout(error)).not.to.include('M4RKER');
            expect(await reader.check()).not.to.match(/M4RKER/);
          })).timeout(60_000);

        it('ends with an error, and not with complete, when the run is cancelled', () =>
          live(async (_live, reader) => {
            const before = await reader.read(stream, { signal: AbortSignal.abort() });
            expect(before.items.some(({ item }) => item === 'complete')).to.equal(false);
            expect(before.error).not.to.equal(undefined);
          }));

        it('asks for no undeclared field and lets none through', () =>
          live(async (one, reader) => {
            const { items } = await reader.read(stream);
            const plan = reader.plan(stream);
            expect(recordsOf(items)).to.have.length(RECORDS);
            const asked = one.asked();
            if (asked) {
              expect(asked.filter((name) => !plan.asked.includes(name))).to.deep.equal([]);
              const told = new Set(recordsOf(items).flatMap((record) => Object.keys(record)));
              expect([...told].filter((name) => !plan.asked.includes(name))).to.deep.equal([]);
            }
            const let_in = recordsOf(items).map((record) =>
              plan.declaration.person === 'opted-in'
                ? gateAbout(plan, 'the-user', record)
                : gate(plan, everyoneIsAUser, record),
            );
            expect(let_in.filter(({ kept }) => kept)).to.have.length(RECORDS);
            expect(JSON.stringify(let_in)).not.to.include('M4RKER');
          }));

        if (!(streams[stream] as StreamDeclaration).feature)
          it('asks for nothing that belongs to a feature which is off', () =>
            live(async (one, reader) => {
              await reader.read(stream, { features: new Set() });
              const plan = reader.plan(stream, new Set());
              expect((one.asked() ?? []).filter((name) => !plan.asked.includes(name))).to.deep.equal([]);
            }));

        if (streamOf(connector, stream)!.lookup)
          it('looks up the people sought and nobody else', () =>
            live(async (_live, reader) => {
              const email = emailOf(connector, stream, source.sample(stream, 3));
              const found = await reader.lookup(stream, [{ email }, { email: 'nobody*)(mail=*@acme.example' }]);
              expect(found).to.have.length(1);
              expect(JSON.stringify(found)).to.include(email).and.not.to.include('M4RKER');
              expect(await reader.lookup(stream, [])).to.deep.equal([]);
            }));

        for (const [what, value] of poisons)
          it(`is not stopped, or stops with a sentence, for a record with ${what}`, () => {
            const held = contents();
            const field = fieldToPoison(connector, stream, held[stream][5]!);
            held[stream][5]![field] = value;
            return live(async (_live, reader) => {
              const { items, error } = await reader.read(stream);
              if (error) {
                expectSentence(error);
                expect(everythingAbout(error)).not.to.include('M4RKER');
                expect(items.some(({ item }) => item === 'complete')).to.equal(false);
              } else expect(keysOf(connector, stream, items).length).to.be.at.least(RECORDS - 1);
            }, held);
          });
      });

    describe('its check', () => {
      it('passes on a good source, and quotes no record', () =>
        live(async (_live, reader) => {
          const report = await connector.check(reader.context(names[0]!));
          expect(
            passed(report),
            report.findings.map(({ outcome, sentence }) => `${outcome}: ${sentence}`).join('\n'),
          ).to.equal(true);
          expect(JSON.stringify(report)).not.to.include('M4RKER');
          for (const name of names) expect(quoted(report, contents()[name])).to.deep.equal([]);
        }));

      const tried = [...derivedBadSettings(connector, source), ...(options.badSettings ?? [])];
      for (const { what, settings, says } of tried)
        it(`fails with ${what}, in a sentence tenant IT can act on`, () =>
          live(async (one) => {
            const good = { ...options.settings, ...one.settings };
            const sentence = await new Reader(connector, settings(good)).check();
            expect(sentence).to.match(says);
          })).timeout(60_000);
    });
  });
}

function samples(source: SourceHarness, stream: StreamName, count: number): Sample[] {
  return Array.from({ length: count }, (_, n) => ({
    ...source.sample(stream, n),
    ...Object.fromEntries(source.undeclared.map((name) => [name, `M4RKER-${name}-${n}`])),
  }));
}

/** Recognises everybody, so that whatever could get in does. */
const everyoneIsAUser: Rules = {
  digest: (kind, value) => `${kind}:${value}`,
  bound: () => undefined,
  hasBinding: () => false,
  matching: () => ['the-user'],
};

const everyOne = (items: readonly Item[]) => items.flatMap((item) => [...decoded(item)]);

const recordsOf = (items: readonly Item[]): SourceRecord[] =>
  everyOne(items).flatMap((item) => {
    if (item.item === 'records' || item.item === 'whole') return item.records;
    return item.item === 'partial' ? [item.record] : [];
  });

function keysOf(connector: Connector, stream: StreamName, items: readonly Item[]): string[] {
  const names = listed(streamOf(connector, stream)!.key);
  const keys = recordsOf(items).flatMap((record) => names.map((name) => record[name]).find((value) => value) ?? []);
  return [...new Set(keys.map(String))];
}

/** What was told, whatever the order and however it was cut into items. */
function sorted(items: readonly Item[]): string[] {
  const told = recordsOf(items).map((record) => JSON.stringify(Object.entries(record).sort()));
  const rest = everyOne(items).filter(({ item }) => item === 'gone' || item === 'skip' || item === 'complete');
  return [...told, ...rest.map((item) => JSON.stringify(item))].sort();
}

/** Values of records, long enough to be told from words, that something quotes. */
function quoted(where: unknown, held: readonly Sample[]): string[] {
  const text = everythingAbout(where);
  return held.flatMap((sample) => Object.values(sample)).filter((value) => value.length > 5 && text.includes(value));
}

const hostileStates: [string, State][] = [
  ['an empty state', {}],
  ['a state of garbage', { cookie: '\u0000\uffff{"', page: -1, token: ['x', null, 1e300], nested: { a: { b: 'c' } } }],
  [
    'a state from the year 2999',
    { since: '2999-12-31T23:59:59Z', cursor: '2999-12-31', usn: 2 ** 53, at: 32_503_679_999_000 },
  ],
  ['a state of another version', { version: 99, v: '99', state: 'x'.repeat(10_000) }],
];

const poisons: [string, string][] = [
  ['a NUL', 'M4RKER\u0000x'],
  ['control characters, quotes and separators', 'M4RKER "x",;\r\n\t\u202e\u0007*)(uid=*'],
  ['a value of 100 KiB', `M4RKER${'x'.repeat(100 * 1024)}`],
  ['a formula', '=cmd|M4RKER!A0'],
];

/** A field that may hold any text: kept, and neither key nor match, so that only the value is odd. */
function fieldToPoison(connector: Connector, stream: StreamName, sample: Sample): string {
  const declared = streamOf(connector, stream)!;
  const special = [...listed(declared.key), ...theirsIn(declared.match)];
  const kept = theirsIn(declared.keep);
  return kept.find((name) => name in sample && !special.includes(name)) ?? kept[0]!;
}

function emailOf(connector: Connector, stream: StreamName, sample: Sample): string {
  const names = listed(streamOf(connector, stream)!.match?.email ?? []);
  return names.map((name) => sample[name]).find((value) => value !== undefined) ?? '';
}

function modesOf(connector: Connector, stream: StreamName): ('full' | 'incremental')[] {
  return streamOf(connector, stream)!.incremental ? ['full', 'incremental'] : ['full'];
}

function cutsWithin(total: number): number[] {
  const spread = Array.from({ length: 24 }, (_, at) => Math.floor((total * at) / 24));
  return [...new Set([0, 1, 2, 7, ...spread, total - 3, total - 2, total - 1])].filter((at) => at >= 0 && at < total);
}
