import { expect } from 'chai';
import type { Receipt } from '../../src/model/receipt.ts';
import { type SandboxDirectory, startSandboxDirectory } from '../../src/sandbox/directory.ts';
import { attachEmbedded } from '../../src/store/embedded/index.ts';
import { certificates } from '../support/certificates.ts';
import { type Acme, closedPort, company, PASSWORD, startAcme, users } from './acme.ts';
import { type Ended, inProcess, json, sluice } from './support.ts';

/** What a person gets wrong, against the real hub: a sentence with the fix, the status, and nothing half-applied. */
describe('bad input at the command line', function () {
  this.timeout(120_000);

  let acme: Acme;
  let expired: SandboxDirectory;
  let nobody: number;
  let asApplied: Ended;
  let keepServer: { release(): Promise<void> };
  const run = (...argv: string[]) => sluice(argv, acme.env);
  const contributions = async () => {
    const account = json<{ contributions: { supplier: string; fields: object }[] }>(
      await run('user', 'show', 'acme', users[0]!.email, '--json'),
    );
    return account.contributions.map(({ supplier, fields }) => [supplier, fields]);
  };

  before(async () => {
    const { key, cert } = certificates.expired;
    expired = await startSandboxDirectory({ ...company, password: PASSWORD, tls: { key, cert } });
    nobody = await closedPort();
    acme = await startAcme();
    // One server for all commands; each would start and stop its own.
    keepServer = await attachEmbedded({ dataDir: acme.env.SLUICE_DATA!, purpose: 'tests' });
    expect(await run('apply', await acme.file('acme.yaml'), '--resume')).to.include({ exit: 0 });
    asApplied = await run('config', 'acme', '--json');
    const { email, given_name, family_name } = users[0]!;
    const names = ['--email', email, '--given-name', given_name, '--family-name', family_name];
    expect(await run('logon', 'acme', ...names)).to.include({ exit: 0 });
    expect(await run('sync', 'acme/people')).to.include({ exit: 0 });
  });

  after(async () => {
    await keepServer?.release();
    await expired?.stop();
    await acme?.close();
  });

  describe('in the file', () => {
    const replaced = (what: string | RegExp, by: string) => (text: string) => {
      const bent = text.replace(what, by);
      expect(bent, 'a bent file').not.to.equal(text);
      return bent;
    };
    const reference = (name: string) => replaced('ACME__LDAP_PASSWORD', name);

    const rows: readonly [name: string, bend: (text: string) => string, place: string, sentence: RegExp][] = [
      ['bad YAML', replaced('features:\n', 'features: {\n'), '\\d+:\\d+', /./],
      ['a tab for an indent', replaced('  people-directory', '\tpeople-directory'), '8:1', /tab/i],
      ['an unknown setting', replaced('bind_dn:', 'bind_user:'), '15:7', /bind_user; there are url,/],
      ['a cron that never fires', replaced('0 3 1 1 *', '0 3 31 2 *'), '12:15', /never|no such day|day/i],
      ['a cron that is none', replaced('0 3 1 1 *', 'hourly'), '12:15', /cron|five|field/i],
      ['an unknown feature', replaced('people-directory', 'people-directry'), '8:3', /people-directory/],
      ["another tenant's secret", reference('OTHER__LDAP_PASSWORD'), '16:22', /ACME__LDAP_PASSWORD/],
      ["the operator's secret", reference('SLUICE_KEY'), '16:22', /not this tenant's.*ACME__/],
      [
        'a secret outside its folder',
        replaced('env:ACME__LDAP_PASSWORD', 'file:../other/ldap'),
        '16:22',
        /without slashes/,
      ],
      ['a secret that is not set', reference('ACME__NO_SUCH'), '16:22', /ACME__NO_SUCH is not set.*set it/],
    ];

    for (const [name, bend, place, sentence] of rows) {
      it(`${name}: status 2, the place and the fix`, async () => {
        // Two changes besides the mistake: neither may get through.
        const bent = (text: string) =>
          bend(text).replace('Acme B.V.', 'Changed').replace('base_dn: ou=people,', 'base_dn: ');
        const file = await acme.file('bad.yaml', bent);
        const { exit, out, err } = await run('apply', file, '--yes', '--resume');
        expect(err).to.match(new RegExp(`^${file}:${place}: `, 'm'));
        expect(err).to.match(sentence);
        expect(err).not.to.match(/^ {4}at |\bError:|node:internal/m);
        expect(err + out).not.to.include(PASSWORD);
        expect(exit).to.equal(2);
        expect(out).to.equal('');
      });
    }

    it('none of them changed anything', async () => {
      expect(await run('config', 'acme', '--json')).to.deep.equal(asApplied);
    });

    it('validate finds all of them but the missing value, with the same status', async () => {
      for (const [name, bend] of rows.slice(0, -1)) {
        const result = await inProcess(['validate', await acme.file('bad.yaml', bend), '--json']);
        expect(result.exit, name).to.equal(2);
        const { valid, problems } = json<{ valid: boolean; problems: { line: number; sentence: string }[] }>(result);
        expect(valid, name).to.equal(false);
        expect(problems, name).not.to.have.length(0);
      }
    });

    it('a wrong file of a new tenant makes no tenant', async () => {
      const file = await acme.file('new.yaml', (text) =>
        text.replace('tenant: acme', 'tenant: fresh').replace('ACME__LDAP_PASSWORD', 'FRESH__NOT_SET'),
      );
      expect((await run('apply', file)).exit).to.equal(2);
      const { exit, err } = await run('config', 'fresh');
      expect(exit).to.equal(1);
      expect(err).to.match(/There is no tenant fresh/);
    });
  });

  describe('in what the file leads to', () => {
    type Row = readonly [name: string, bend: (text: string) => string, step: string, sentence: RegExp];
    const settings = (text: string, change: Record<string, string>) =>
      Object.entries(change).reduce(
        (bent, [name, value]) => bent.replace(new RegExp(`( ${name}:) .*`), `$1 ${value}`),
        text,
      );
    const rows: readonly Row[] = [
      ['a wrong password', (text) => settings(text, { bind_password: 'wrong' }), 'sign-in', /password|bind_dn/],
      [
        'a wrong base',
        (text) => settings(text, { base_dn: 'ou=poeple,dc=acme,dc=example' }),
        'permission|records',
        /base_dn/,
      ],
      [
        'an unreachable host',
        (text) => settings(text, { url: `ldap://127.0.0.1:${nobody}` }),
        'connection',
        /127\.0\.0\.1:\d+ .*(refuse|answer|reach)/i,
      ],
      [
        'an expired certificate',
        (text) =>
          `${settings(text, { url: expired.url })}`.replace(
            '      base_dn',
            `      ca: ${JSON.stringify(certificates.authority)}\n      base_dn`,
          ),
        'tls',
        /expired/,
      ],
    ];

    for (const [name, bend, step, sentence] of rows) {
      it(`${name}: check and sync end with 1 and say what to do; what was let in stays`, async () => {
        const before = await contributions();
        expect(before).to.have.length(2);
        const applied = await run('apply', await acme.file('bad.yaml', bend), '--resume');
        expect(applied, applied.err).to.include({ exit: 0 });

        const check = await run('check', 'acme/people', '--json');
        expect(check.exit).to.equal(1);
        const { passed, findings } = json<{
          passed: boolean;
          findings: { step: string; outcome: string; sentence: string }[];
        }>(check);
        expect(passed).to.equal(false);
        const failure = findings.find(({ outcome }) => outcome === 'failed' || outcome === 'too-little');
        expect(failure?.step).to.match(new RegExp(`^(?:${step})$`));
        expect(failure?.sentence).to.match(sentence);

        const sync = await run('sync', 'acme/people', '--json');
        expect(sync.exit).to.equal(1);
        const receipt = json<Receipt>(sync);
        expect(receipt.status).to.equal('failed');
        expect(receipt.error).to.match(sentence);
        expect(sync.err).to.equal(`acme/people failed: ${receipt.error}\n`);
        expect(JSON.stringify([check, sync])).not.to.match(/wrong\b.*horse|correct horse/);
        expect(await contributions()).to.deep.equal(before);
      });
    }

    it('is over once the file is right again', async () => {
      expect(await run('apply', await acme.file('acme.yaml'), '--resume')).to.include({ exit: 0 });
      expect(await run('check', 'acme/people')).to.include({ exit: 0 });
      expect(await run('sync', 'acme/people')).to.include({ exit: 0, err: '' });
    });
  });
});
