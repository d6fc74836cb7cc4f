import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { sandboxConfiguration } from '../../src/sandbox/configuration.ts';

describe('the sandbox tenant’s configuration', () => {
  it('connects people to the directory it was given, every minute, in the public words', () => {
    const text = sandboxConfiguration({ url: 'ldap://127.0.0.1:4321', bindPassword: 'with "quotes": and #' });
    const written = parse(text);
    expect(written).to.deep.include({ version: 1, tenant: 'acme', features: { 'people-directory': 'on' } });
    expect(written.connections.people).to.deep.include({ connector: 'ldap', schedule: '* * * * *' });
    expect(written.connections.people.settings).to.deep.equal({
      url: 'ldap://127.0.0.1:4321',
      bind_dn: 'cn=reader,dc=acme,dc=example',
      bind_password: 'with "quotes": and #',
      base_dn: 'ou=people,dc=acme,dc=example',
      filter: '(objectClass=inetOrgPerson)',
    });
  });

  it('carries a private authority as it is', () => {
    const ca = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const written = parse(sandboxConfiguration({ url: 'ldaps://127.0.0.1:1', bindPassword: 'x', ca }));
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
