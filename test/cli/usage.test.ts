import { expect } from 'chai';
import { BadInput, NeedsAttention } from '../../src/base/errors.ts';
import { inProcess, json, pureDeps } from './support.ts';

const leaves = [
  ...['start', 'demo', 'migrate', 'settings', 'connectors', 'validate', 'apply', 'config', 'check', 'preview'],
  ...['pause', 'resume', 'sync', 'cancel', 'runs', 'run', 'approve', 'reject', 'logon'],
  ...['key create', 'key list', 'key revoke', 'user show', 'connection replace'],
];

describe('every command', () => {
  for (const words of leaves) {
    it(`${words} has help with an example and --json`, async () => {
      const { exit, out, err } = await inProcess([...words.split(' '), '--help']);
      expect(exit).to.equal(0);
      expect(err).to.equal('');
      expect(out).to.match(new RegExp(`Examples?:\n  \\$ sluice ${words}`));
      expect(out).to.include('--json');
    });
  }

  it('stands in the list that the help shows', async () => {
    const { exit, out } = await inProcess(['--help']);
    expect(exit).to.equal(0);
    for (const words of leaves) expect(out).to.match(new RegExp(`^  ${words.split(' ')[0]}\\b`, 'm'));
  });
});

describe('wrong words', () => {
  const wrong: readonly [string, RegExp][] = [
    ['', /Usage: sluice/],
    ['frobnicate', /Unknown command 'frobnicate'/],
    ['synk', /Did you mean sync\?/],
    ['sync', /Missing required argument 'tenant\/connection'\nSee `sluice sync --help`/],
    ['sync acme', /Name the tenant and the connection with a slash/],
    ['sync acme/people/more', /with a slash/],
    ['sync Acme/people', /with a slash/],
    ['sync acme/people --fast', /Unknown option '--fast'/],
    ['runs --limit 0', /whole number from 1 to 1,000/],
    ['preview acme/people --limit many', /whole number/],
    ['run 12', /not the id of a run; `sluice runs`/],
    ['approve people', /not the id of a run/],
    ['start --port 70000', /port number from 0 to 65535/],
    ['start --role boss', /Allowed choices are all, api, worker, scheduler/],
    ['demo --seed x', /whole number/],
    ['config Acme', /tenant’s name is small letters/],
    ['user show acme_eu a@b.example', /tenant’s name/],
    ['key', /Usage: sluice key/],
    ['key create acme --name x', /Required option '--scopes <a,b>' not specified/],
    ['key create acme --name x --scopes user:read', /does not know user:read; did you mean users:read\?/],
    ['key create acme --name x --scopes users:read --features parking', /--features does not know parking/],
    ['key create acme --name x --scopes users:read --expires soon', /duration such as 90d/],
    ['logon acme --email nobody --given-name A --family-name B', /--email is not an address/],
    ['logon acme --email a@b.example --given-name A --family-name B --directory-id x', /must be DIRECTORY:UUID/],
    ['connectors ldpa', /did you mean ldap\?/],
    ['validate /nowhere/acme.yaml', /There is no file \/nowhere\/acme.yaml/],
    ['apply /', /is not a file/],
  ];
  for (const [words, sentence] of wrong) {
    it(`ends with 2 and a sentence: sluice ${words}`, async () => {
      const { exit, out, err } = await inProcess(words === '' ? [] : words.split(' '));
      expect(err).to.match(sentence);
      expect(exit).to.equal(2);
      expect(out).to.equal('');
    });
  }
});

describe('an error', () => {
  const failing = (error: Error) => ({
    ...pureDeps,
    attach: async () => {
      throw error;
    },
  });

  it('is told by its sentence alone, with the status of its kind', async () => {
    const tell = (error: Error) => inProcess(['runs', 'acme'], failing(error));
    expect(await tell(new NeedsAttention('Start it again.'))).to.deep.equal({
      exit: 1,
      out: '',
      err: 'Start it again.\n',
    });
    expect(await tell(new BadInput('Say it right.'))).to.deep.equal({ exit: 2, out: '', err: 'Say it right.\n' });
  });

  it('that is none of ours shows neither its message nor a stack', async () => {
    const { exit, out, err } = await inProcess(['runs'], failing(new TypeError('noor.dewit@acme.example is null')));
    expect(exit).to.equal(1);
    expect(out + err).not.to.include('noor');
    expect(err).to.match(/^Something unexpected went wrong inside the hub \(TypeError.*please report it\.\n$/);
  });

  it('gives the database back', async () => {
    let released = 0;
    const store = { registry: { tenants: async () => [] } };
    const attach = async () => ({ store, sync: {}, database: '', release: async () => void released++ }) as never;
    expect((await inProcess(['runs', 'acme'], { ...pureDeps, attach })).exit).to.equal(1);
    expect(released).to.equal(1);
  });

  it('in a setting ends every command that reads them with 2', async () => {
    const { exit, err } = await inProcess(['runs'], pureDeps, { env: { SLUICE_PORT: 'ninety' } });
    expect(exit).to.equal(2);
    expect(err).to.match(/SLUICE_PORT must be a port number/);
  });
});

describe('commands that need no hub', () => {
  it('settings shows every setting and never a secret', async () => {
    const env = { DATABASE_URL: 'postgres://role:hunter2@db.example/sluice', SLUICE_PROT: '1' };
    const shown = await inProcess(['settings'], pureDeps, { env });
    expect(shown.exit).to.equal(0);
    expect(shown.out + shown.err).not.to.include('hunter2');
    expect(shown.out).to.include('SLUICE_ALLOW_ADDRESSES');
    expect(shown.err).to.match(/SLUICE_PROT is no setting .* did you mean SLUICE_PORT\?/);
    const told = json<{ settings: { name: string; value: string }[]; warnings: string[] }>(
      await inProcess(['settings', '--json'], pureDeps, { env }),
    );
    expect(told.settings.find(({ name }) => name === 'DATABASE_URL')?.value).to.equal('set');
    expect(told.warnings).to.have.length(1);
  });

  it('connectors tells each field, in which role it is read, and why', async () => {
    const { out } = await inProcess(['connectors', 'ldap']);
    expect(out).to.match(/^ {2}mail +match, keep +email +Recognises a user by email/m);
    expect(out).to.match(/^ {2}userAccountControl +decide +Tells disabled accounts/m);
    expect(out).to.match(/^ {2}title +keep +job_title .* Only while people-directory is on\.$/m);
    expect(out).to.include('Secret: stored sealed, never shown.');
    const { connectors } = json<{ connectors: { name: string; streams: object }[] }>(
      await inProcess(['connectors', '--json']),
    );
    expect(connectors.map(({ name }) => name)).to.include.members(['ldap', 'csv-lockers']);
  });

  it('colours a terminal and nothing else', async () => {
    const colour = '\u001b[';
    expect((await inProcess(['connectors'], pureDeps, { outIsTerminal: true })).out).to.include(colour);
    expect((await inProcess(['connectors'])).out).not.to.include(colour);
    const quiet = { outIsTerminal: true, env: { NO_COLOR: '1' } };
    expect((await inProcess(['connectors'], pureDeps, quiet)).out).not.to.include(colour);
  });
});
