import { expect } from 'chai';
import type { Attached, CliDeps } from '../../src/cli/deps.ts';
import type { ExpiringSoon } from '../../src/sync/types.ts';
import { inProcess, pureDeps } from './support.ts';

const soon = (connection: string): ExpiringSoon => ({
  connection,
  setting: 'certificate',
  expires_at: '2027-05-01T00:00:00.000Z',
  sentence: `What the setting certificate of ${connection} holds expires on 2027-05-01.`,
});

/** Two tenants without a run, each with something that ends. */
const deps: CliDeps = {
  ...pureDeps,
  attach: async () => {
    const tenant = (name: string) => ({
      tenant: name,
      tenantId: name,
      runs: { list: async () => ({ items: [], next: null }) },
      connections: {
        list: async () => [
          { name: 'people', not_before: null },
          { name: 'rooms', not_before: '2026-12-01T09:35:00.000Z' },
        ],
      },
    });
    const store = {
      registry: { tenants: async () => ['acme', 'beta'].map((name) => ({ id: name, name })) },
      tenant: async (id: string) => tenant(id),
      tenantByName: async (name: string) => tenant(name),
    };
    const sync = { expiring: async (id: string) => [soon(`${id}/people`), soon(`${id}/rooms`)] };
    return { store, sync, database: 'none', release: async () => {} } as unknown as Attached;
  },
};
const told = async (...argv: string[]) => {
  const { exit, out } = await inProcess(['runs', ...argv], deps);
  expect(exit).to.equal(0);
  return out;
};
const named = (text: string) => [...text.matchAll(/certificate of (\S+) holds/g)].map(([, connection]) => connection);

describe('sluice runs', () => {
  it('says below the runs what ends soon, of what was asked about', async () => {
    expect(named(await told())).to.deep.equal(['acme/people', 'acme/rooms', 'beta/people', 'beta/rooms']);
    expect(named(await told('beta'))).to.deep.equal(['beta/people', 'beta/rooms']);
    expect(named(await told('beta/rooms'))).to.deep.equal(['beta/rooms']);
  });

  it('says below the runs which sources asked to be left alone, and until when', async () => {
    const waits = (text: string) => [...text.matchAll(/of (\S+) asked .* before (2026-12-01 09:35:00 UTC)/g)];
    expect(waits(await told()).map(([, connection]) => connection)).to.deep.equal(['acme/rooms', 'beta/rooms']);
    expect(waits(await told('acme/people'))).to.deep.equal([]);
    const { waiting } = JSON.parse(await told('beta', '--json'));
    expect(waiting).to.deep.equal([{ connection: 'beta/rooms', not_before: '2026-12-01T09:35:00.000Z' }]);
  });

  it('says it to programs beside the runs', async () => {
    const { items, expiring } = JSON.parse(await told('acme/people', '--json'));
    expect(items).to.deep.equal([]);
    expect(expiring).to.deep.equal([soon('acme/people')]);
  });
});
