import { expect } from 'chai';
import fc from 'fast-check';
import { guidOf, immutableIdOf } from '../../../connectors/microsoft-graph/immutable-id.ts';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { type LookupContext, type SettingsShape, streamOf } from '../../../src/contract/index.ts';
import { planStream } from '../../../src/gate/plan.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { all } from '../../support/failure.ts';
import { check, contextFor, read, sandbox, stateOf, told } from './support.ts';

// PROTOCOLS 2.2: the bytes 44434241 4645 4847 … of an objectGUID are 41424344-4546-4748-….
const GUID = '41424344-4546-4748-494a-4b4c4d4e4f50';
const IMMUTABLE = Buffer.from('4443424146454847494a4b4c4d4e4f50', 'hex').toString('base64');
const person = (n: number, more: Record<string, string | boolean | null> = {}) => ({
  id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  mail: `person${n}@acme.example`,
  givenName: `Given${n}`,
  surname: `Family${n}`,
  accountEnabled: true,
  userType: 'Member',
  ...more,
});

const planned = (settings: Record<string, unknown>) =>
  planStream({
    connector: graph,
    stream: 'users',
    directory: 'entra:tenant',
    settings,
    features: new Set(['people-directory']),
  });
const linked = { on_premises_directory: 'people' };

describe('an immutable id', () => {
  it('stands for the objectGUID whose bytes it is, the first three groups reversed', () => {
    expect(guidOf(IMMUTABLE)).to.equal(GUID);
    expect(immutableIdOf(GUID)).to.equal(IMMUTABLE);
  });

  it('of any GUID leads back to it', () => {
    fc.assert(
      fc.property(fc.uuid(), (guid) => {
        expect(guidOf(immutableIdOf(guid))).to.equal(guid);
      }),
    );
  });

  it('that is not the base64 of 16 bytes, written as base64 is, is no GUID', () => {
    const others = ['', '4711', 'p1@acme.example', GUID, `${IMMUTABLE} `, ` ${IMMUTABLE.slice(1)}`, 'A'.repeat(24)];
    others.push(IMMUTABLE.replace('==', ''), `${IMMUTABLE.slice(0, 21)}R==`, `-_${IMMUTABLE.slice(2)}`);
    others.push(Buffer.alloc(15, 65).toString('base64'), Buffer.alloc(17, 65).toString('base64'));
    for (const other of others) expect(guidOf(other), JSON.stringify(other)).to.equal(undefined);
  });
});

describe('microsoft-graph users with an on-premises directory', () => {
  let source: SandboxGraph;
  beforeEach(async () => {
    source = await sandbox();
    source.putUser(person(1, { onPremisesImmutableId: IMMUTABLE }));
    source.putUser(person(2, { onPremisesImmutableId: '4711' }));
    source.putUser(person(3));
  });
  afterEach(() => source.stop());

  const asked = () => decodeURIComponent(source.requests().at(-1)!.url);
  const given = (settings: Record<string, unknown>) => ({ settings, fields: planned(settings).asked });
  const lookup = (people: LookupContext<SettingsShape>['people'], settings: Record<string, unknown>) =>
    all(streamOf(graph, 'users')!.lookup!({ ...contextFor(source, 'users', given(settings)), people }));
  const ids = (records: readonly Readonly<Record<string, unknown>>[]) =>
    records.map(({ onPremisesImmutableId: id }) => id);

  it('are asked for their immutable id only if the setting names one', async () => {
    expect(ids(told(await read(source, 'users', given({}))))).to.deep.equal([undefined, undefined, undefined]);
    expect(source.requests().some(({ url }) => url.includes('onPremisesImmutableId'))).to.equal(false);
    await read(source, 'users', given(linked));
    expect(asked()).to.match(/\$select=[\w,]*\bonPremisesImmutableId\b/);
    expect(planned({ on_premises_directory: '' }).asked).not.to.include('onPremisesImmutableId');
  });

  it('are told with the GUID, with null where it is none, and with nothing where nothing is told', async () => {
    const first = await read(source, 'users', given(linked));
    expect(ids(told(first))).to.deep.equal([GUID, null, undefined]);
    source.putUser(person(1, { onPremisesImmutableId: null }));
    source.putUser(person(2, { onPremisesImmutableId: IMMUTABLE }));
    const second = await read(source, 'users', { ...given(linked), state: stateOf(first) });
    expect(ids(told(second))).to.deep.equal([null, GUID]);
  });

  it('leave the immutable id as it is to a scope, while the setting names no directory', async () => {
    const scope = { present: 'onPremisesImmutableId' };
    const fields = [...planned({}).asked, 'onPremisesImmutableId'];
    expect(ids(told(await read(source, 'users', { scope, fields })))).to.deep.equal([IMMUTABLE, '4711', undefined]);
  });

  it('are looked up by it, with a plain filter and no other header', async () => {
    const found = await lookup([{ elsewhereId: GUID }], linked);
    expect(found.map(({ id }) => id)).to.deep.equal([person(1).id]);
    expect(asked()).to.include(`$filter=onPremisesImmutableId eq '${IMMUTABLE}'`);
    expect(source.requests().at(-1)!.headers).not.to.have.property('consistencylevel');
    expect(ids(found)).to.deep.equal([GUID]);
  });

  it('fail a check that finds the connection named for its own directory, or no name', async () => {
    const wrong = async (settings: Record<string, unknown>) =>
      (await check(source, settings)).filter(({ sentence }) => sentence.includes('on_premises_directory'));
    for (const named of ['people', 'entra:other', 'ou=people,dc=acme'])
      expect(await wrong({ on_premises_directory: named }), named).to.deep.equal([]);
    for (const settings of [
      { directory: 'entra:x', on_premises_directory: 'entra:x' },
      { on_premises_directory: 'two words' },
      { on_premises_directory: ':people' },
      { on_premises_directory: 'p'.repeat(129) },
    ]) {
      const [finding, ...more] = await wrong(settings);
      expect(more).to.deep.equal([]);
      expect(finding?.outcome, JSON.stringify(settings)).to.equal('failed');
      expect(finding?.sentence).to.match(/"Beside or instead of an LDAP directory" in the README/);
    }
  });
});
