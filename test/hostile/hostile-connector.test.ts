import { expect } from 'chai';
import { safeSentence } from '../../src/base/errors.ts';
import { type SourceRecord, streamOf } from '../../src/contract/index.ts';
import { countUndeclared, type Decision, gate } from '../../src/gate/gate.ts';
import { planStream } from '../../src/gate/plan.ts';
import { featureNames } from '../../src/model/features.ts';
import { netForTests } from '../support/guarded-net.ts';
import { hostileConnector, hostileEndings } from './hostile-connector.ts';

const users = ['ada@acme.example', 'grace@acme.example'];

async function read(hostile: ReturnType<typeof hostileConnector>, stream: 'users' | 'lockers' | 'locker_assignments') {
  const told: SourceRecord[] = [];
  let thrown: unknown;
  const context = {
    settings: {},
    net: netForTests(),
    fields: [],
    scope: undefined,
    now: new Date(),
    partition: '',
    mode: 'full' as const,
    state: null,
    signal: new AbortController().signal,
  };
  try {
    for await (const item of streamOf(hostile.connector, stream)!.read(context))
      if (item.item === 'records' || item.item === 'whole') told.push(...item.records);
      else if (item.item === 'partial') told.push(item.record);
  } catch (error) {
    thrown = error;
  }
  return { told, thrown };
}

describe('the hostile connector', () => {
  it('plants hundreds of markers, each of its own', async () => {
    const hostile = hostileConnector({ users });
    for (const stream of ['users', 'lockers', 'locker_assignments'] as const) await read(hostile, stream);
    const { never, sealed, clear, state } = hostile.markers();
    expect(never.length).to.be.above(300);
    expect(Math.min(sealed.length, clear.length, state.length)).to.be.at.least(4);
    const texts = [...never, ...sealed, ...clear, ...state].map(({ text }) => text);
    expect(new Set(texts).size).to.equal(texts.length);
  });

  it('gets nothing past the gate but what is declared about a user', async () => {
    const hostile = hostileConnector({ users, malformed: false });
    const plan = planStream({
      connector: hostile.connector,
      stream: 'users',
      directory: 'hostile',
      features: new Set(featureNames),
    });
    const rules = {
      digest: (kind: string, value: string) => `${kind}:${value}`,
      bound: () => undefined,
      hasBinding: () => false,
      matching: (kind: string, digest: string) =>
        kind === 'email' ? users.filter((one) => digest === `email:${one}`) : [],
    };
    const counts = new Map<string, number>();
    const decisions: Decision[] = (await read(hostile, 'users')).told.map((record) => {
      countUndeclared(plan, record, counts);
      return gate(plan, rules, record);
    });
    expect(decisions.filter(({ kept }) => kept)).to.have.length(users.length);
    const out = JSON.stringify([decisions, [...counts]]);
    const { never, sealed } = hostile.markers();
    expect(never.filter(({ text }) => out.includes(text))).to.deep.equal([]);
    expect(sealed.filter(({ text }) => !out.includes(text))).to.deep.equal([]);
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });

  for (const ending of hostileEndings)
    it(`leaves nothing in the sentence told of the ending ${ending}`, async () => {
      const hostile = hostileConnector({ users, ending, malformed: false });
      const { thrown } = await read(hostile, 'users');
      const sentence = safeSentence(thrown);
      expect(hostile.markers().never.filter(({ text }) => sentence.includes(text))).to.deep.equal([]);
    });
});
