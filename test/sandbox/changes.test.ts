import { expect } from 'chai';
import type { Change, SandboxDirectory } from '../../src/sandbox/directory.ts';
import { startSandboxDirectory } from '../../src/sandbox/directory.ts';
import { keepChanging } from '../../src/sandbox/liven.ts';

const clock = { now: () => new Date('2026-11-22T09:15:00Z') };
const start = (seed: number) => startSandboxDirectory({ seed, password: 'secret', clock });
const entryOf = (directory: SandboxDirectory, uuid: string) => {
  const found = directory.entries().find((entry) => entry.uuid === uuid);
  if (!found) throw new Error(`There is no entry ${uuid}.`);
  return found;
};

describe('a change in the sandbox directory', () => {
  let directory: SandboxDirectory;
  beforeEach(async () => {
    directory = await start(11);
  });
  afterEach(() => directory.stop());

  it('that is a rename keeps the UUID and changes name, DN and address', () => {
    const before = directory.entries();
    const change = directory.change('rename');
    const old = before.find((entry) => entry.uuid === change.uuid);
    const now = entryOf(directory, change.uuid);
    expect(change.formerDn).to.equal(old?.dn);
    expect(now.dn).to.equal(change.dn).and.not.equal(old?.dn);
    expect(now.attributes.mail).to.deep.equal([change.email]).and.not.deep.equal(old?.attributes.mail);
    expect(now.attributes.sn).to.not.deep.equal(old?.attributes.sn);
    expect(now.attributes.givenName).to.deep.equal(old?.attributes.givenName);
    expect(now.attributes.entryUUID).to.deep.equal([change.uuid]);
    expect(now.attributes.modifyTimestamp).to.deep.equal(['20261122091500Z']);
    expect(directory.entries()).to.have.length(before.length);
  });

  it('that is a leaver disables the account and leaves the entry', () => {
    const before = directory.entries().length;
    const { uuid } = directory.change('leave');
    expect(entryOf(directory, uuid).attributes.pwdAccountLockedTime).to.deep.equal(['000001010000Z']);
    expect(directory.entries()).to.have.length(before);
  });

  it('that is a hire adds one entry', () => {
    const before = directory.entries().length;
    const { uuid, ofUser } = directory.change('hire');
    expect(entryOf(directory, uuid).attributes.createTimestamp).to.deep.equal(['20261122091500Z']);
    expect(directory.entries()).to.have.length(before + 1);
    expect(ofUser).to.equal(false);
  });

  for (const [kind, attribute] of [
    ['phone', 'telephoneNumber'],
    ['promotion', 'title'],
    ['move', 'departmentNumber'],
  ] as const) {
    it(`of kind ${kind} changes ${attribute} and neither name nor address`, () => {
      const before = directory.entries();
      const change = directory.change(kind);
      const old = before.find((entry) => entry.uuid === change.uuid);
      const now = entryOf(directory, change.uuid);
      if (change.kind === kind) expect(now.attributes[attribute]).to.not.deep.equal(old?.attributes[attribute]);
      expect([now.dn, now.attributes.mail, now.attributes.sn]).to.deep.equal([
        old?.dn,
        old?.attributes.mail,
        old?.attributes.sn,
      ]);
    });
  }

  it('is repeatable by seed', async () => {
    const other = await start(11);
    const tell = (one: SandboxDirectory) => Array.from({ length: 50 }, () => one.change());
    try {
      expect(tell(other)).to.deep.equal(tell(directory));
    } finally {
      await other.stop();
    }
  });

  it('a thousand times over takes at most a tenth of the users away and lets the company neither shrink nor swell', () => {
    const before = directory.entries().length;
    const changes = Array.from({ length: 1000 }, () => directory.change());
    const kinds = new Set(changes.map((change) => change.kind));
    expect([...kinds].sort()).to.deep.equal(['hire', 'leave', 'move', 'phone', 'promotion', 'rename']);
    expect(changes.filter((change) => change.kind === 'leave' && change.ofUser)).to.have.length(4);
    expect(changes.filter((change) => change.kind === 'leave').length).to.be.at.most(34);
    expect(changes.filter((change) => change.ofUser).length).to.be.above(600);
    expect(directory.entries().length).to.be.within(before, before + 31);
    expect(new Set(directory.entries().map((entry) => entry.dn.toLowerCase())).size).to.equal(
      directory.entries().length,
    );
  });

  it('comes by itself every so often until told to stop', async () => {
    const stopper = new AbortController();
    const told: Change[] = [];
    const before = directory.entries();
    await keepChanging(directory, {
      everyMs: 5,
      signal: stopper.signal,
      tell: (change) => {
        told.push(change);
        if (told.length === 3) stopper.abort();
      },
    });
    expect(told).to.have.length(3);
    const touched = directory.entries().filter((entry) => !before.includes(entry));
    expect(touched.map((entry) => entry.uuid)).to.have.members([...new Set(told.map((change) => change.uuid))]);
  });
});
