import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { BadInput } from '../../src/base/errors.ts';
import {
  checkListenAddress,
  readSettings,
  settings,
  settingsTable,
  settingsWarnings,
} from '../../src/settings/index.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const CERT = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const TLS_KEY = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n';

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).instanceOf(BadInput);
    return (error as BadInput).message;
  }
  throw new Error('nothing was refused');
}

describe("the operator's settings", () => {
  let folder: string;
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-settings-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('have defaults that suit one machine', () => {
    const read = readSettings({});
    expect(read.port).equal(8420);
    expect(read.host).equal('127.0.0.1');
    expect(read.data).equal('.sluice');
    expect(read.secrets).equal('/run/secrets');
    expect(read.log).equal('info');
    expect(read.databaseUrl).equal(undefined);
    expect(read.key).equal(undefined);
  });

  it('take an empty variable as not set', () => {
    expect(readSettings({ SLUICE_PORT: '', SLUICE_KEY: '' }).port).equal(8420);
  });

  it('are read from the file that NAME_FILE names, less one trailing newline', () => {
    expect(readSettings({ SLUICE_KEY_FILE: file('key', `${KEY}\n`) }).key).equal(KEY);
    expect(readSettings({ SLUICE_OPERATOR_FILE: file('operator', 'Acme\nIT\n\n') }).operator).equal('Acme\nIT');
    expect(readSettings({ SLUICE_CA_FILE: file('ca.pem', CERT) }).extraCa).equal(CERT);
  });

  it('refuse a name that is set both ways', () => {
    expect(refusal(() => readSettings({ SLUICE_KEY: KEY, SLUICE_KEY_FILE: file('key', KEY) }))).equal(
      'SLUICE_KEY and SLUICE_KEY_FILE are both set; keep one of them.',
    );
  });

  it('refuse a file that cannot be read, is empty or is endless', () => {
    for (const path of [join(folder, 'absent'), folder]) {
      expect(refusal(() => readSettings({ SLUICE_KEY_FILE: path }))).equal(
        'SLUICE_KEY_FILE names a file that cannot be read; check the path and its permissions.',
      );
    }
    expect(refusal(() => readSettings({ SLUICE_KEY_FILE: file('empty', '\n') }))).contain('empty file');
    expect(refusal(() => readSettings({ SLUICE_KEY_FILE: file('large', 'x'.repeat(1024 * 1024 + 1)) }))).contain(
      '1 MiB',
    );
  });

  const bad: [string, string, string][] = [
    ['SLUICE_PORT', '70000', 'SLUICE_PORT must be a port number from 0 to 65535.'],
    ['SLUICE_PORT', '84 20', 'SLUICE_PORT must be a port number from 0 to 65535.'],
    ['SLUICE_HOST', 'http://x', 'SLUICE_HOST must be an address or a host name without port, for example 127.0.0.1.'],
    ['DATABASE_URL', 'mysql://root:hunter2@db/x', 'DATABASE_URL must be a PostgreSQL address'],
    ['SLUICE_KEY', `${KEY.slice(0, 20)}!${KEY.slice(21)}`, 'SLUICE_KEY must be 32 bytes in base64'],
    ['SLUICE_KEY', 'hunter2', 'SLUICE_KEY must be 32 bytes in base64; make one with: openssl rand -base64 32.'],
    ['SLUICE_LOG', 'loud', 'SLUICE_LOG must be one of trace, debug, info, warn, error, fatal, silent.'],
    ['SLUICE_PUBLIC_URL', 'hub.example', 'SLUICE_PUBLIC_URL must be an address'],
    ['SLUICE_PROXY', 'socks5://hunter2@p', 'SLUICE_PROXY must be the address of a proxy'],
    ['SLUICE_SMTP_URL', 'hunter2', 'SLUICE_SMTP_URL must be a mail server'],
    ['SLUICE_TLS_KEY', 'hunter2', 'SLUICE_TLS_KEY must be PEM text with a PRIVATE KEY block; to name a file instead'],
    ['SLUICE_CA_FILE', '/no/such/file', 'SLUICE_CA_FILE names a file that cannot be read'],
  ];
  for (const [name, value, sentence] of bad) {
    it(`refuse ${name} = ${value.slice(0, 24)} with the fix and without the value`, () => {
      const said = refusal(() => readSettings({ [name]: value }));
      expect(said.startsWith(sentence), said).equal(true);
      expect(said).not.contain('hunter2');
    });
  }

  it('lend a token of this machine by tenant, each its own', () => {
    const lent = (text: string) => readSettings({ SLUICE_WORKLOAD_IDENTITY: text }).workloadIdentity;
    expect([...lent('acme=/run/acme/token, beta-2=/run/beta/token')!]).eql([
      ['acme', '/run/acme/token'],
      ['beta-2', '/run/beta/token'],
    ]);
    expect(readSettings({}).workloadIdentity).equal(undefined);
    expect(
      readSettings({ SLUICE_WORKLOAD_IDENTITY_FILE: file('lent', 'acme=/run/token\n') }).workloadIdentity?.size,
    ).equal(1);
    for (const [text, says] of [
      ['/run/token', 'tenants and absolute paths'],
      ['acme=run/token', 'tenants and absolute paths'],
      ['Acme=/run/token', 'tenants and absolute paths'],
      ['acme=', 'tenants and absolute paths'],
      ['acme=/run/token,', 'tenants and absolute paths'],
      ['acme=/a,acme=/b', 'names a tenant twice'],
      ['acme=/run/token,beta=/run/token', 'each of which could then sign in as the other'],
    ] as const)
      expect(
        refusal(() => lent(text)),
        text,
      )
        .include(`SLUICE_WORKLOAD_IDENTITY`)
        .and.include(says);
  });

  it('tell everything that is wrong at once', () => {
    expect(refusal(() => readSettings({ SLUICE_PORT: 'x', SLUICE_LOG: 'x' })).split('\n')).length(2);
  });

  it('are shown as a table without secrets', () => {
    const url = 'postgresql://sluice:hunter2@db/sluice';
    const rows = settingsTable({
      DATABASE_URL: url,
      SLUICE_PORT: '9000',
      SLUICE_REGION_FILE: '/run/region',
      SLUICE_TLS_CERT: CERT,
    });
    const row = (name: string) => rows.find((one) => one.name === name)!;
    expect(rows).length(Object.keys(settings).length);
    expect(row('DATABASE_URL').value).equal('set');
    expect(row('SLUICE_KEY').value).equal('not set');
    expect(row('SLUICE_PORT').value).equal('9000');
    expect(row('SLUICE_HOST').value).equal(null);
    expect(row('SLUICE_REGION')).include({ value: 'content of /run/region', from: 'SLUICE_REGION_FILE' });
    expect(row('SLUICE_TLS_CERT').value).equal('-----BEGIN CERTIFICATE-----…');
    expect(JSON.stringify(rows)).not.contain('hunter2');
  });

  it('hide every setting that can hold a password', () => {
    const hidden = Object.values(settings).flatMap((setting) => (setting.secret ? [setting.env] : []));
    expect(hidden).members([
      'DATABASE_URL',
      'DATABASE_MIGRATE_URL',
      'SLUICE_KEY',
      'SLUICE_KEY_PREVIOUS',
      'SLUICE_TLS_KEY',
      'SLUICE_PROXY',
      'SLUICE_SMTP_URL',
    ]);
  });

  it('warn about a misspelt name, and leave the variables of tenants alone', () => {
    expect(settingsWarnings({ SLUICE_PROT: '1', SLUICE_TEST__PASSWORD: 'x', ACME__X: 'y', SLUICE_KEY_FILE: 'z' })).eql([
      'SLUICE_PROT is no setting of the hub and does nothing; did you mean SLUICE_PORT?',
    ]);
    expect(settingsWarnings({ SLUICE__LIKE: '1', SLUICE_NOTHING_LIKE_IT: '1' })).eql([
      'SLUICE_NOTHING_LIKE_IT is no setting of the hub and does nothing; see sluice settings.',
      'SLUICE__LIKE is no setting of the hub and does nothing; see sluice settings.',
    ]);
  });

  it('say that ambient proxies are ignored, without their passwords', () => {
    const [warning, ...others] = settingsWarnings({
      https_proxy: 'http://u:hunter2@p',
      HTTP_PROXY: 'http://p',
      no_proxy: '',
    });
    expect(others).eql([]);
    expect(warning).match(/^HTTP_PROXY, https_proxy are set and ignored .*SLUICE_PROXY/);
    expect(warning).not.contain('hunter2');
  });
});

describe('the address the hub listens on', () => {
  const given = (env: NodeJS.ProcessEnv) => () => checkListenAddress(readSettings(env));

  it('may be any loopback address', () => {
    for (const host of ['127.0.0.1', '127.8.9.1', '::1', '[::1]', 'localhost']) given({ SLUICE_HOST: host })();
  });

  it('is refused elsewhere without TLS or a trusted proxy', () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'hub.example', '127.example', 'localhost.example']) {
      expect(refusal(given({ SLUICE_HOST: host }))).match(
        /without TLS; set SLUICE_TLS_CERT and SLUICE_TLS_KEY, or SLUICE_TRUST_PROXY/,
      );
    }
  });

  it('is accepted elsewhere with both halves of TLS, or behind a trusted proxy', () => {
    given({ SLUICE_HOST: '0.0.0.0', SLUICE_TLS_CERT: CERT, SLUICE_TLS_KEY: TLS_KEY })();
    given({ SLUICE_HOST: '0.0.0.0', SLUICE_TRUST_PROXY: '10.0.0.0/8' })();
    expect(refusal(given({ SLUICE_HOST: '0.0.0.0', SLUICE_TLS_CERT: CERT }))).contain('without SLUICE_TLS_KEY');
    expect(refusal(given({ SLUICE_TLS_KEY: TLS_KEY }))).contain('without SLUICE_TLS_CERT');
  });
});
