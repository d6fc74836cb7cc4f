import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type Connector, streamOf } from '../../../src/contract/index.ts';
import { planStream } from '../../../src/gate/plan.ts';
import { featureNames } from '../../../src/model/features.ts';
import { isStreamName, matchKinds, type StreamDeclaration, streams } from '../../../src/model/model.ts';
import { listed, theirsIn } from './declared.ts';

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const SETTING = /^[a-z][a-z0-9_]*$/;

export function inspectDeclaration(connector: Connector): void {
  const folder = new URL(`../../../connectors/${connector.name}/`, import.meta.url);

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
      const plan = planStream({ connector, stream, directory: 'suite', features: new Set(featureNames) });
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
