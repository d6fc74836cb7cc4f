import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { NeedsAttention, type SluiceError, TryLater } from '../../src/base/errors.ts';
import {
  type CheckReport,
  type Connector,
  type Item,
  type Net,
  type PersonSought,
  passed,
  type ReadContext,
  type SettingsShape,
  type SourceRecord,
  type State,
  streamOf,
  type Theirs,
} from '../../src/contract/index.ts';
import { gate, type Rules } from '../../src/gate/gate.ts';
import { planStream, type StreamPlan } from '../../src/gate/plan.ts';
import { type Feature, featureNames } from '../../src/model/features.ts';
import { isStreamName, matchKinds, type StreamDeclaration, type StreamName, streams } from '../../src/model/model.ts';
import { parseAddressRules } from '../../src/sync/net/index.ts';
import { certificates } from './certificates.ts';
import { all, everythingAbout } from './failure.ts';
import { netForTests } from './guarded-net.ts';

/** A record in the source's own words, as the harness writes it into the source. */
export type Sample = Record<string, string>;

/** What a connector brings along so that the suite can drive a live source of its kind. */
export interface SourceHarness {
  /** Field names that such a source has and the connector does not declare; the suite plants markers in them. */
  readonly undeclared: readonly string[];
  /** Whether the source speaks TLS with a certificate of the test authority. */
  readonly privateAuthority: boolean;
  /** The n-th well-formed record of a stream, with every declared field it can have. Equal for equal n. */
  sample(stream: StreamName, n: number): Sample;
  /** Starts a live source on loopback that holds these records and nothing else. */
  start(contents: Partial<Record<StreamName, readonly Sample[]>>): Promise<LiveSource>;
}

export interface LiveSource {
  /** Settings with which the connector reaches it. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Each answer (or connection, where the protocol is a conversation) breaks off after so many bytes; `undefined`: none does. */
  cutAfter(bytes: number | undefined): void;
  /** How many bytes it has sent, as `cutAfter` counts them, since this was last asked. */
  bytesSent(): number;
  /** It sends this text where its protocol has something else to say; `undefined`: no longer. */
  garble(text: string | undefined): void;
  /** The fields whose values it was asked for since it started; `undefined` if such a source cannot select. */
  asked(): readonly string[] | undefined;
  stop(): Promise<void>;
}

export interface BadSettings {
  /** Completes "fails the check with …". */
  readonly what: string;
  readonly settings: (good: Readonly<Record<string, unknown>>) => Record<string, unknown>;
  /** What the sentence must say. */
  readonly says: RegExp;
}

export interface SuiteOptions {
  readonly source: SourceHarness;
  /** Settings beyond those that the live source supplies. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Oddities of this connector; what follows from the kinds of its settings is tried anyway. */
  readonly badSettings?: readonly BadSettings[];
}

const RECORDS = 12;
const allFeatures: ReadonlySet<Feature> = new Set(featureNames);

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
                const { items, error } = await reader.read(stream, { state, mode });
                if (error) expectSentence(error);
                else expect(sorted(items)).to.deep.equal(sorted(honest.items));
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
            const let_in = recordsOf(items).map((record) => gate(plan, everyoneIsAUser, record));
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

/** Reads as a run would: the real guarded network, settings with their defaults, the fields the gate's plan asks for. */
class Reader {
  readonly connector: Connector;
  readonly settings: Record<string, unknown>;

  constructor(connector: Connector, given: Readonly<Record<string, unknown>>) {
    this.connector = connector;
    this.settings = {};
    for (const [name, declaration] of Object.entries(connector.settings))
      this.settings[name] = Object.hasOwn(given, name) ? given[name] : declaration.default;
  }

  plan(stream: StreamName, features = allFeatures): StreamPlan {
    return planStream({ connector: this.connector, stream, directory: 'suite', features });
  }

  context(stream: StreamName, given: Reading = {}): ReadContext<SettingsShape> {
    const signal = given.signal ?? new AbortController().signal;
    return {
      settings: this.settings as ReadContext<SettingsShape>['settings'],
      net: loopbackNet(signal),
      fields: this.plan(stream, given.features).asked,
      scope: undefined,
      partition: '',
      mode: given.mode ?? 'full',
      state: given.state ?? null,
      signal,
    };
  }

  async read(stream: StreamName, given: Reading = {}): Promise<{ items: Item[]; error: unknown }> {
    const items: Item[] = [];
    try {
      for await (const item of streamOf(this.connector, stream)!.read(this.context(stream, given))) items.push(item);
      return { items, error: undefined };
    } catch (error) {
      return { items, error };
    }
  }

  async lookup(stream: StreamName, people: readonly PersonSought[]): Promise<SourceRecord[]> {
    return await all(streamOf(this.connector, stream)!.lookup!({ ...this.context(stream), people }));
  }

  /** The sentence of a check that fails. */
  async check(): Promise<string> {
    let report: CheckReport;
    try {
      report = await this.connector.check(this.context(Object.keys(this.connector.streams)[0] as StreamName));
    } catch (error) {
      expectSentence(error);
      return (error as Error).message;
    }
    expect(passed(report), 'the check passed').to.equal(false);
    const failed = report.findings.filter(({ outcome }) => outcome === 'failed' || outcome === 'too-little');
    for (const { sentence } of failed) expectGoodSentence(sentence);
    return failed.map(({ sentence }) => sentence).join(' ');
  }
}

interface Reading {
  readonly state?: State | null;
  readonly mode?: 'full' | 'incremental';
  readonly signal?: AbortSignal;
  readonly features?: ReadonlySet<Feature>;
}

/** Loopback is allowed, in clear as well; `.invalid` is unknown (RFC 6761 6.4) without asking any name server. */
function loopbackNet(signal: AbortSignal): Net {
  const loopback = parseAddressRules('127.0.0.0/8,::1/128');
  return netForTests({
    signal,
    rules: { allow: loopback, cleartext: loopback },
    resolve: async (host) => {
      if (host === 'localhost') return ['127.0.0.1'];
      throw Object.assign(new Error('M4RKER'), { code: 'ENOTFOUND' });
    },
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

const recordsOf = (items: readonly Item[]): SourceRecord[] =>
  items.flatMap((item) => {
    if (item.item === 'records' || item.item === 'whole') return item.records;
    return item.item === 'partial' ? [item.record] : [];
  });

const listed = (theirs: Theirs) => (typeof theirs === 'string' ? [theirs] : theirs);
/** The declared names on the right of a mapping. */
const theirsIn = (mapping: object | undefined) =>
  (Object.values(mapping ?? {}) as (Theirs | undefined)[]).flatMap((theirs) => listed(theirs ?? []));

function keysOf(connector: Connector, stream: StreamName, items: readonly Item[]): string[] {
  const names = listed(streamOf(connector, stream)!.key);
  const keys = recordsOf(items).flatMap((record) => names.map((name) => record[name]).find((value) => value) ?? []);
  return [...new Set(keys.map(String))];
}

/** What was told, whatever the order and however it was cut into items. */
function sorted(items: readonly Item[]): string[] {
  const told = recordsOf(items).map((record) => JSON.stringify(Object.entries(record).sort()));
  const rest = items.filter(({ item }) => item === 'gone' || item === 'skip' || item === 'complete');
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

function expectSentence(error: unknown): asserts error is TryLater | NeedsAttention {
  expect(error instanceof TryLater || error instanceof NeedsAttention, `not an error for tenant IT: ${error}`).to.equal(
    true,
  );
  expect((error as SluiceError).cause, 'a cause would be logged').to.equal(undefined);
  expectGoodSentence((error as Error).message);
}

function expectGoodSentence(sentence: string): void {
  expect(sentence, 'a sentence').to.match(/^["\w`[][\s\S]*\.$/);
  expect(sentence.length, sentence).to.be.within(25, 600);
  expect(sentence, 'a sentence of ours').not.to.match(
    /\n|\b(Error|ECONN\w+|ENOTFOUND|undefined|null|NaN)\b|\[object|\bat \//,
  );
  expect(sentence).not.to.include('M4RKER');
}

/** What can be wrong with a setting follows from its kind. */
function derivedBadSettings(connector: Connector, source: SourceHarness): BadSettings[] {
  return Object.entries(connector.settings).flatMap(([name, { kind }]) => {
    const instead = (what: string, value: (good: string) => unknown, says: RegExp): BadSettings => ({
      what,
      says,
      settings: (good) => ({ ...good, [name]: value(String(good[name] ?? '')) }),
    });
    if (kind === 'url') {
      const at = (host: string) => (good: string) => good.replace(/\/\/(\[[^\]]*\]|[^/:]+)/, `//${host}`);
      const rule = /add acme=10\.255\.255\.1\/32:\d+ to SLUICE_ALLOW_ADDRESSES/;
      return [
        instead(`${name} set to what is no address`, () => 'M4RKER no address', /address/),
        instead(`the host of ${name} unknown`, at('no-such-host.invalid'), /host no-such-host\.invalid is unknown/),
        instead(`${name} on a private address that is not allowed`, at('10.255.255.1'), rule),
        // Nothing listens on this address of loopback.
        instead(`${name} where nobody listens`, at('127.0.0.254'), /refused the connection/),
      ];
    }
    if (kind === 'secret')
      return [
        instead(`a wrong ${name}`, () => 'M4RKER-wrong-secret', /password|token|sign-in|account|key/i),
        instead(`an empty ${name}`, () => '', /password|token|sign-in|account|key|empty/i),
      ];
    if (kind === 'certificates' && source.privateAuthority)
      return [
        instead(`${name} set to what is no certificate`, () => 'M4RKER', /no certificate in .*\bca\b.*PEM/),
        instead(`no ${name} though the authority is private`, () => undefined, /set ca to|into `ca`/),
        instead(`${name} set to another authority`, () => certificates.stranger, /issuer that is not known/),
      ];
    return [];
  });
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const SETTING = /^[a-z][a-z0-9_]*$/;

function inspectDeclaration(connector: Connector): void {
  const folder = new URL(`../../connectors/${connector.name}/`, import.meta.url);

  it('has names that are valid everywhere they are used', () => {
    expect(connector.name).to.match(NAME);
    expect(Number.isSafeInteger(connector.version) && connector.version > 0).to.equal(true);
    for (const name of Object.keys(connector.settings)) expect(name).to.match(SETTING);
    expect(Object.keys(connector.streams)).to.not.be.empty;
    for (const name of Object.keys(connector.streams)) expect(isStreamName(name), name).to.equal(true);
  });

  it('says what it is, what to open in the firewall, what to grant, and what each setting is for', () => {
    const sentences = [connector.summary, connector.network, connector.permission];
    for (const { description } of Object.values(connector.settings)) sentences.push(description);
    for (const sentence of sentences) expect(sentence).to.match(/^["\w`(][\s\S]{9,}\.$/);
  });

  it('has a reason for every field, and asks for no wildcard', () => {
    for (const stream of Object.keys(connector.streams).filter(isStreamName)) {
      const declared = streamOf(connector, stream)!;
      const model: StreamDeclaration = streams[stream];
      const names = [...listed(declared.key), ...theirsIn(declared.match), ...theirsIn(declared.keep)];
      names.push(...Object.keys(declared.decide ?? {}));
      for (const name of names) {
        expect(name, 'a field name').to.match(/^[^*+\s][^*+]*$/);
        expect(['__proto__', 'constructor', 'prototype']).not.to.include(name);
      }
      for (const kind of Object.keys(declared.match ?? {})) expect(matchKinds).to.include(kind);
      for (const ours of Object.keys(declared.keep)) expect(model.fields[ours]?.purpose, ours).to.match(/^.{10,}\.$/);
      for (const [name, why] of Object.entries(declared.decide ?? {})) expect(why, name).to.match(/^.{10,}\.$/);
      // A stream about people that names none could only refuse every record, or worse, none.
      expect(Object.keys(declared.match ?? {}).length > 0, `${stream} names a person`).to.equal(
        model.person === 'subject',
      );
    }
  });

  it('counts by name only fields that have one', () => {
    for (const stream of Object.keys(connector.streams).filter(isStreamName)) {
      const plan = planStream({ connector, stream, directory: 'suite', features: allFeatures });
      expect((connector.knownFields ?? []).filter((name) => name === '*' || name === '+')).to.deep.equal([]);
      expect(plan.asked).to.not.be.empty;
    }
  });

  it('comes with a README that explains every setting, and with samples', () => {
    expect(existsSync(new URL('README.md', folder)), 'README.md').to.equal(true);
    const readme = readFileSync(new URL('README.md', folder), 'utf8');
    for (const name of Object.keys(connector.settings)) expect(readme, name).to.include(`\`${name}\``);
    expect(readdirSync(new URL('sample/', folder))).to.not.be.empty;
  });
}
