import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { streamOf } from '../../../src/contract/index.ts';
import { gate, type Rules } from '../../../src/gate/gate.ts';
import { planStream } from '../../../src/gate/plan.ts';
import { featureNames } from '../../../src/model/features.ts';
import type { GraphPlace, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { all, failureOf } from '../../support/failure.ts';
import { contextFor, type Given, read, sandbox, told } from './support.ts';

const place = (type: string, id: string, more: object = {}) =>
  ({ '@odata.type': `#microsoft.graph.${type}`, id, displayName: `The ${id}`, ...more }) as unknown as GraphPlace;

describe('microsoft-graph spaces', () => {
  let source: SandboxGraph;
  beforeEach(async () => {
    source = await sandbox({ pageSize: 2 });
  });
  afterEach(() => source.stop());

  const kept = async () => {
    const plan = planStream({ connector: graph, stream: 'spaces', directory: 'x', features: new Set(featureNames) });
    return told(await read(source, 'spaces')).map((one) => {
      const decision = gate(plan, {} as Rules, one);
      if (!decision.kept) throw new Error(decision.reason);
      return { key: decision.key, ...decision.fields } as Record<string, unknown>;
    });
  };

  it('are buildings, floors, sections as zones, rooms, and workspaces and desks as desks; a room list is none', async () => {
    source.putPlace(place('building', 'b'));
    source.putPlace(place('floor', 'f', { parentId: 'b' }));
    source.putPlace(place('section', 's', { parentId: 'f' }));
    source.putPlace(place('room', 'r', { parentId: 's', emailAddress: 'r@acme.example' }));
    source.putPlace(place('workspace', 'w', { parentId: 's', capacity: 8 }));
    source.putPlace(place('desk', 'd', { parentId: 's' }));
    source.putPlace(place('roomList', 'l', { emailAddress: 'l@acme.example', rooms: ['r@acme.example'] }));
    const found = (await kept()).map(({ key, kind, parent, name }) => [key, kind, parent, name]);
    expect(found).to.deep.equal([
      ['b', 'building', null, 'The b'],
      ['f', 'floor', 'b', 'The f'],
      ['s', 'zone', 'f', 'The s'],
      ['r', 'room', 's', 'The r'],
      ['w', 'desk', 's', 'The w'],
      ['d', 'desk', 's', 'The d'],
    ]);
  });

  it('have a capacity, whether it is sent as text or as a number', async () => {
    source.putPlace(place('room', 'text', { capacity: '50' }));
    source.putPlace(place('room', 'number', { capacity: 50 }));
    source.putPlace(place('room', 'none', { capacity: null }));
    expect((await kept()).map(({ capacity }) => capacity)).to.deep.equal([50, 50, null]);
  });

  it('say that there is a device and not its make, that a wheelchair gets in, and their tags', async () => {
    const long = 'x'.repeat(65);
    source.putPlace(
      place('room', 'full', {
        audioDeviceName: 'Jabra Speak 810',
        videoDeviceName: 'Logitech Rally',
        displayDeviceName: 'Surface Hub 2S',
        isWheelChairAccessible: true,
        tags: ['nice view', 'benches', long],
      }),
    );
    source.putPlace(place('room', 'bare', { audioDeviceName: '', isWheelChairAccessible: false, tags: [] }));
    expect((await kept()).map(({ equipment }) => equipment)).to.deep.equal([
      ['audio', 'benches', 'display', 'nice view', 'video', 'wheelchair'],
      [],
    ]);
  });

  it('are asked for by name, and nothing of them that is not kept', async () => {
    source.putPlace(place('room', 'r', { phone: 'M4RKER', address: { street: 'M4RKER' }, nickname: 'M4RKER' }));
    const items = await read(source, 'spaces');
    expect(JSON.stringify(items)).not.to.include('M4RKER');
    for (const { url } of source.requests().filter(({ url }) => url.includes('/places/')))
      expect(new URL(url, source.graphUrl).searchParams.get('$select')).to.match(/^id,/);
  });

  it('are asked for no equipment by who does not keep it', async () => {
    await read(source, 'spaces', { fields: ['id', 'displayName', 'kind'] });
    for (const { url } of source.requests().filter(({ url }) => url.includes('/places/')))
      expect(new URL(url, source.graphUrl).searchParams.get('$select')).to.equal('id,displayName');
  });

  it('are asked for their address only where calendars are read, or a scope looks at it', async () => {
    const asked = async (given: Given) => {
      const before = source.requests().length;
      await read(source, 'spaces', given);
      const sent = source.requests().slice(before);
      return sent.flatMap(({ url }) => /microsoft\.graph\.(\w+)\?.*\bemailAddress\b/.exec(url)?.[1] ?? []);
    };
    expect(await asked({})).to.deep.equal([]);
    expect(await asked({ settings: { mailboxes: ['r@acme.example'] } })).to.deep.equal(['room', 'workspace']);
    expect(await asked({ scope: { present: 'emailAddress' } })).to.deep.equal(['room', 'workspace']);
  });

  it('are asked for once in a run, though calendars need them too', async () => {
    source.putPlace(place('room', 'r', { emailAddress: 'R@acme.example' }));
    source.putPlace(place('workspace', 'w', { emailAddress: 'w@acme.example' }));
    const mailboxes = ['r@acme.example', 'w@acme.example'];
    const events = contextFor(source, 'events', { settings: { mailboxes } });
    const spaces = { ...contextFor(source, 'spaces'), settings: events.settings, net: events.net };
    await all(streamOf(graph, 'spaces')!.read(spaces));
    const before = source.requests().length;
    expect(await streamOf(graph, 'events')!.partitions!(events)).to.deep.equal([
      { name: 'r@acme.example', about: 'r' },
      { name: 'w@acme.example', about: 'w' },
    ]);
    expect(source.requests()).to.have.length(before);
  });

  it('are asked for again by the calendars if the reading of them was broken off', async () => {
    source.putPlace(place('room', 'r', { emailAddress: 'r@acme.example' }));
    source.putPlace(place('workspace', 'w', { emailAddress: 'w@acme.example' }));
    const events = contextFor(source, 'events', { settings: { mailboxes: ['w@acme.example'] } });
    const spaces = { ...contextFor(source, 'spaces'), settings: events.settings, net: events.net };
    source.fault({ status: 403, path: 'microsoft.graph.workspace' });
    await failureOf(all(streamOf(graph, 'spaces')!.read(spaces)));
    expect(await streamOf(graph, 'events')!.partitions!(events)).to.deep.equal([
      { name: 'w@acme.example', about: 'w' },
    ]);
  });

  it('come page by page, each place once, and end complete', async () => {
    for (let n = 0; n < 5; n++) source.putPlace(place('room', `r${n}`));
    const items = await read(source, 'spaces');
    expect(told(items).map(({ id }) => id)).to.deep.equal(['r0', 'r1', 'r2', 'r3', 'r4']);
    expect(items.at(-1)).to.deep.include({ item: 'complete', within: undefined });
  });

  it('are none of a kind that a cloud does not have; but a cloud without rooms is none that can be read', async () => {
    source.putPlace(place('room', 'r'));
    source.fault({ status: 400, path: 'microsoft.graph.building', code: 'BadRequest' });
    source.fault({ status: 404, path: 'microsoft.graph.workspace', code: 'UnknownError' });
    expect(told(await read(source, 'spaces'))).to.have.length(1);
    source.fault({ status: 400, path: 'microsoft.graph.room', code: 'BadRequest' });
    expect((await failureOf(read(source, 'spaces'))).message).to.match(/buildings and rooms \(400\)/);
    // Not Graph's word: what answered knows no places, and nothing about the cloud.
    source.fault({ status: 404, path: 'microsoft.graph.workspace', body: 'html' });
    expect((await failureOf(read(source, 'spaces'))).message).to.match(/buildings and rooms \(404\)/);
  });

  it('name the permission that is missing', async () => {
    source.grant(['User.Read.All']);
    expect((await failureOf(read(source, 'spaces'))).message).to.match(/403.*Place\.Read\.All/);
  });

  it('are read from the sample as it says', async () => {
    const file = new URL('../../../connectors/microsoft-graph/sample/room-with-capacity-as-text.json', import.meta.url);
    for (const one of JSON.parse(readFileSync(file, 'utf8')).value) source.putPlace(one);
    expect(await kept()).to.deep.include({
      key: '3162f1e1-c4c0-604b-51d8-91da78989eb1',
      name: 'Conf Room 100',
      kind: 'room',
      parent: 'd9bb4f0a-8f0e-4b8f-9a5c-5f7f8a3f5a10',
      capacity: 50,
      equipment: ['bean bags', 'display', 'wheelchair'],
    });
  });
});
