// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written that way
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { BadInput } from '../../src/base/errors.ts';
import { resolveSecrets, secretPrefix, validateConfiguration } from '../../src/tenants/index.ts';
import { NAME } from '../../src/tenants/names.ts';
import { wrongReference } from '../../src/tenants/secrets.ts';
import { connectors } from './connectors.ts';

const draft = (password: string, second = '', notify = '') => {
  const lines = [
    'version: 1\ntenant: acme-eu\nname: Acme\ntime_zone: UTC',
    'connections:\n  people:\n    connector: directory\n    settings:\n      url: ldaps://dc1\n      base_dn: dc=x',
    `      password: ${password}`,
    ...(second ? [`      second_password: ${second}`] : []),
    ...(notify ? [`notify:\n  - webhook: https://x.example/\n    secret: ${notify}`] : []),
  ];
  const result = validateConfiguration(`${lines.join('\n')}\n`, { file: 'acme.yaml', connectors });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.draft;
};

describe('secrets of a configuration', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-secrets-'));
    mkdirSync(join(folder, 'acme-eu'));
    mkdirSync(join(folder, 'other'));
    writeFileSync(join(folder, 'acme-eu', 'password'), 'from a file\n');
    writeFileSync(join(folder, 'other', 'password'), "another tenant's");
    writeFileSync(join(folder, 'key'), "the operator's");
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const resolve = (env: NodeJS.ProcessEnv, ...args: Parameters<typeof draft>) =>
    resolveSecrets(draft(...args), { env, secretsFolder: folder });
  const refusal = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      expect(error).instanceOf(BadInput);
      return (error as BadInput).message;
    }
    throw new Error('nothing was refused');
  };

  it('come from the environment, from files, or stand in the file', () => {
    const resolved = resolve(
      { ACME_EU__A: 'from the shell', ACME_EU__B: 'signing' },
      '${env:ACME_EU__A}',
      '${file:password}',
      '${env:ACME_EU__B}',
    );
    expect(resolved.connections[0]!.settings).include({
      password: 'from the shell',
      second_password: 'from a file',
      url: 'ldaps://dc1',
    });
    expect(resolved.notify).eql([{ webhook: 'https://x.example/', secret: 'signing' }]);
    expect(resolve({}, 'literal').connections[0]!.settings).include({ password: 'literal' });
  });

  it('leave the draft as it was', () => {
    const made = draft('${env:ACME_EU__A}');
    resolveSecrets(made, { env: { ACME_EU__A: 'x' }, secretsFolder: folder });
    expect(JSON.stringify(made)).contain('${env:ACME_EU__A}');
  });

  it('that are missing are all named, each with its place and the fix', () => {
    const said = refusal(() =>
      resolve({ ACME_EU__A: '' }, '${env:ACME_EU__A}', '${file:absent}', '${env:ACME_EU__toString}'),
    );
    expect(said.split('\n')).eql([
      'acme.yaml:11:17: The variable ACME_EU__A is not set or empty; set it in the shell that runs this command.',
      `acme.yaml:12:24: The file ${join(folder, 'acme-eu', 'absent')} cannot be read; create it, readable for whoever runs this command.`,
      'acme.yaml:15:13: The variable ACME_EU__toString is not set or empty; set it in the shell that runs this command.',
    ]);
  });

  it('are not read through links that leave the folder of the tenant', () => {
    const own = join(folder, 'acme-eu');
    symlinkSync(join(folder, 'other', 'password'), join(own, 'theirs'));
    symlinkSync('../key', join(own, 'key'));
    symlinkSync('../other', join(own, 'others'));
    for (const name of ['theirs', 'key', 'others']) {
      expect(refusal(() => resolve({}, `\${file:${name}}`))).contain("is a link that leaves the tenant's folder");
    }
    rmSync(own, { recursive: true });
    symlinkSync(join(folder, 'other'), own);
    expect(refusal(() => resolve({}, '${file:password}'))).contain("is a link that leaves the tenant's folder");
  });

  it('are read through links inside it, as Kubernetes mounts them', () => {
    const own = join(folder, 'acme-eu');
    mkdirSync(join(own, '..2026'));
    writeFileSync(join(own, '..2026', 'mounted'), 'mounted');
    symlinkSync('..2026', join(own, '..data'));
    symlinkSync('..data/mounted', join(own, 'mounted'));
    expect(resolve({}, '${file:mounted}').connections[0]!.settings).include({ password: 'mounted' });
  });

  it('are refused as a folder, a flood, or nothing', () => {
    const own = join(folder, 'acme-eu');
    mkdirSync(join(own, 'folder'));
    writeFileSync(join(own, 'flood'), 'x'.repeat(64 * 1024 + 1));
    writeFileSync(join(own, 'nothing'), '\n');
    expect(refusal(() => resolve({}, '${file:folder}'))).contain('is not an ordinary file');
    expect(refusal(() => resolve({}, '${file:flood}'))).contain('is not an ordinary file');
    expect(refusal(() => resolve({}, '${file:nothing}'))).contain('is empty or not text');
  });

  it('are checked again when they are resolved, for drafts that were made in another way', () => {
    const made = draft('${env:ACME_EU__A}');
    for (const [kind, name] of [
      ['env', 'SLUICE_KEY'],
      ['env', 'ACME__A'],
      ['file', '../other/password'],
      ['file', '..'],
      ['file', '.'],
    ] as const) {
      const forged = { ...made, references: [{ ...made.references[0]!, kind, name }] };
      const env = { SLUICE_KEY: 'hunter2', ACME__A: 'hunter2' };
      expect(refusal(() => resolveSecrets(forged, { env, secretsFolder: folder }))).match(
        /^acme.yaml:11:17: The reference /,
      );
    }
  });

  it('belong to one tenant only, whatever the names', () => {
    const name = fc.stringMatching(NAME).filter((one) => one.length <= 40);
    const near = fc.tuple(name, fc.stringMatching(/^[A-Z0-9_]{1,8}$/));
    fc.assert(
      fc.property(near, name, ([owner, rest], other) => {
        const variable = secretPrefix(owner) + rest;
        expect(wrongReference(owner, 'env', variable)).equal(undefined);
        if (other !== owner) expect(wrongReference(other, 'env', variable)).not.equal(undefined);
      }),
    );
    // The near misses, spelt out: tenants a, a-b and a-b-c share the beginnings of their variables.
    const tenants = ['a', 'a-b', 'a-b-c', 'b', 'ab'];
    for (const [variable, owner] of [
      ['A__B__C', 'a'],
      ['A_B__C', 'a-b'],
      ['A_B_C__D', 'a-b-c'],
      ['A___B__C', 'a'],
      ['AB__C', 'ab'],
    ]) {
      expect(
        tenants.filter((tenant) => !wrongReference(tenant, 'env', variable!)),
        variable,
      ).eql([owner]);
    }
  });
});
