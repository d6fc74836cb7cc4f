import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { sandboxConfiguration } from '../../src/sandbox/configuration.ts';

const microsoft365 = {
  url: 'https://127.0.0.1:4322',
  tenantId: '8f4c1f0e-3a52-4b0a-9c0e-2f6d5f5f6a11',
  clientId: '5b0c2f9d-0d8e-4f5c-8d0a-6a1f3c9b7e22',
  clientSecret: 'another "quote": and #',
  ca: '-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n',
  mailboxes: ['meeting-rooms@acme.example'],
};

describe('the sandbox tenant’s configuration', () => {
  it('connects people to the directory it was given, every minute, in the public words', () => {
    const directory = { url: 'ldap://127.0.0.1:4321', bindPassword: 'with "quotes": and #' };
    const written = parse(sandboxConfiguration({ directory, microsoft365 }));
    expect(written).to.deep.include({ version: 1, tenant: 'acme' });
    expect(written.features).to.deep.equal({
      'people-directory': 'on',
      'room-booking': 'on',
      'hybrid-meetings': 'on',
    });
    expect(written.connections.people).to.deep.include({ connector: 'ldap', schedule: '* * * * *' });
    expect(written.connections.people.settings).to.deep.equal({
      url: 'ldap://127.0.0.1:4321',
      bind_dn: 'cn=reader,dc=acme,dc=example',
      bind_password: 'with "quotes": and #',
      base_dn: 'ou=people,dc=acme,dc=example',
      filter: '(objectClass=inetOrgPerson)',
    });
  });

  it('has Microsoft 365 second, where it was given, for the calendars of a room list', () => {
    const directory = { url: 'ldap://127.0.0.1:4321', bindPassword: 'x' };
    const written = parse(sandboxConfiguration({ directory, microsoft365, schedule: '*/5 * * * *' }));
    expect(written.users.sources).to.deep.equal(['people', 'm365']);
    expect(written.connections.m365).to.deep.include({ connector: 'microsoft-graph', schedule: '*/5 * * * *' });
    expect(written.connections.m365.settings).to.deep.equal({
      tenant_id: microsoft365.tenantId,
      client_id: microsoft365.clientId,
      client_secret: microsoft365.clientSecret,
      graph_url: microsoft365.url,
      login_url: microsoft365.url,
      ca: microsoft365.ca,
      mailboxes: microsoft365.mailboxes,
      on_premises_directory: 'people',
      window: { back: '1d', ahead: '14d' },
    });
  });

  it('carries a private authority of the directory as it is', () => {
    const ca = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const directory = { url: 'ldaps://127.0.0.1:1', bindPassword: 'x', ca };
    const written = parse(sandboxConfiguration({ directory, microsoft365 }));
    expect(written.connections.people.settings.ca).to.equal(ca);
  });
});

describe('the example tenant file', () => {
  const written = parse(readFileSync(new URL('../../config/acme.example.yaml', import.meta.url), 'utf8'));

  it('is YAML 1.2 for tenant acme with one LDAP connection and no literal secret', () => {
    expect(written).to.deep.include({ version: 1, tenant: 'acme', time_zone: 'Europe/Amsterdam' });
    expect(written.features).to.deep.equal({ 'people-directory': 'on', 'room-booking': 'on', 'hybrid-meetings': 'on' });
    expect(written.connections.people.connector).to.equal('ldap');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own syntax
    expect(written.connections.people.settings.bind_password).to.equal('${env:ACME__LDAP_PASSWORD}');
  });
});
