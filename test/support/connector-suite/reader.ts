import { expect } from 'chai';
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
  StartOver,
  type State,
  streamOf,
} from '../../../src/contract/index.ts';
import { planStream, type StreamPlan } from '../../../src/gate/plan.ts';
import { type Feature, featureNames } from '../../../src/model/features.ts';
import type { StreamName } from '../../../src/model/model.ts';
import { parseAddressRules } from '../../../src/sync/net/index.ts';
import { all } from '../failure.ts';
import { netForTests } from '../guarded-net.ts';
import { expectGoodSentence, expectSentence } from './sentences.ts';

const allFeatures: ReadonlySet<Feature> = new Set(featureNames);

/** Reads as a run would: the real guarded network, settings with their defaults, the fields the gate's plan asks for. */
export class Reader {
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
      now: new Date(),
      partition: '',
      mode: given.mode ?? 'full',
      state: given.state ?? null,
      signal,
    };
  }

  /** As the hub does: a state that is worth nothing has the reading begun anew. */
  async read(stream: StreamName, given: Reading = {}): Promise<{ items: Item[]; error: unknown; anew: boolean }> {
    const items: Item[] = [];
    try {
      for await (const item of streamOf(this.connector, stream)!.read(this.context(stream, given))) items.push(item);
      return { items, error: undefined, anew: false };
    } catch (error) {
      if (error instanceof StartOver && given.state)
        return { ...(await this.read(stream, { ...given, state: null, mode: 'full' })), anew: true };
      return { items, error, anew: false };
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

export interface Reading {
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
