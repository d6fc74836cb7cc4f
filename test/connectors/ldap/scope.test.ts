import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { endpointOf, settings } from '../../../connectors/ldap/settings.ts';
import { attributesOf, vendorOf } from '../../../connectors/ldap/vendors.ts';
import { NeedsAttention, type SourceRecord } from '../../../src/contract/index.ts';
import { allFields, usersStream } from '../../support/ldap-reading.ts';

describe('who is a person', () => {
  const inScope = (record: SourceRecord) => usersStream.inScope!(record);
  const user = ['top', 'person', 'organizationalPerson', 'user'];
  for (const [what, record, expected] of [
    ['an inetOrgPerson', { objectClass: ['inetOrgPerson', 'top'] }, true],
    ['a person of one class', { objectClass: 'inetOrgPerson' }, true],
    ['an inetOrgPerson who is also a posixGroup', { objectClass: ['inetOrgPerson', 'posixGroup'] }, true],
    ['an enabled account', { objectClass: user, userAccountControl: '512' }, true],
    ['an enabled account whose password never expires', { objectClass: user, userAccountControl: '66048' }, true],
    ['an account whose control cannot be seen', { objectClass: user }, true],
    ['a disabled account', { objectClass: user, userAccountControl: '514' }, false],
    ['a disabled account whose password never expires', { objectClass: user, userAccountControl: '66050' }, false],
    ['a disabled account that needs a smart card', { objectClass: user, userAccountControl: '262658' }, false],
    ['a workstation', { objectClass: user, userAccountControl: '4096' }, false],
    ['a domain controller', { objectClass: [...user, 'computer'], userAccountControl: '532480' }, false],
    ['a trust between domains', { objectClass: user, userAccountControl: '2080' }, false],
    ['a computer', { objectClass: [...user, 'computer'] }, false],
    ['a contact', { objectClass: ['top', 'person', 'organizationalPerson', 'contact'] }, false],
    ['a group', { objectClass: ['top', 'group'] }, false],
    ['a GroupOfNames in odd case', { objectClass: ['GROUPOFNAMES'] }, false],
    ['a control that is no number', { objectClass: user, userAccountControl: 'x' }, true],
  ] as const)
    it(`${what} is ${expected ? 'in' : 'out of'} scope`, () => {
      expect(inScope(record)).to.equal(expected);
    });
});

describe('what kind of server it is', () => {
  const root = { objectClass: [], supportedCapabilities: [], supportedExtension: [], vendorName: [] };
  it('is told by the root DSE', () => {
    expect(vendorOf({ ...root, objectClass: ['top', 'openldaprootDSE'] }).name).to.equal('OpenLDAP');
    expect(vendorOf({ ...root, supportedCapabilities: ['1.2.840.113556.1.4.800'] }).key).to.equal('objectGUID');
    expect(vendorOf(root)).to.include({ name: 'an LDAP server', key: 'entryUUID' });
  });

  it('decides what need not be asked', () => {
    const ad = vendorOf({ ...root, supportedCapabilities: ['1.2.840.113556.1.4.800'] });
    expect(attributesOf(ad, allFields)).to.include('userAccountControl').and.not.include('entryUUID');
    expect(attributesOf(vendorOf(root), allFields))
      .to.include('entryUUID')
      .and.not.include('objectGUID');
  });
});

describe('the setting url', () => {
  for (const [url, host, port, tls] of [
    ['ldaps://dc1.acme.example', 'dc1.acme.example', 636, true],
    ['ldap://dc1.acme.example/', 'dc1.acme.example', 389, false],
    ['ldaps://[fd00::1]:1636', 'fd00::1', 1636, true],
  ] as const)
    it(`${url} names ${host} and port ${port}`, () => {
      expect(endpointOf(url)).to.deep.equal({ host, port, tls });
    });

  for (const url of ['', 'dc1', 'https://dc1', 'ldap://', 'ldaps://u:p@dc1', 'ldaps://dc1/dc=x', 'ldaps://dc1?sub'])
    it(`"${url}" is refused with a sentence`, () => {
      expect(() => endpointOf(url)).to.throw(NeedsAttention, /^The setting `url` /);
    });
});

describe('the page for tenant IT', () => {
  const page = readFileSync(new URL('../../../connectors/ldap/README.md', import.meta.url), 'utf8');
  it('lists every attribute that is asked for, and every setting', () => {
    const table = page.slice(page.indexOf('| attribute'), page.indexOf('An attribute that your'));
    const listed = [...table.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(listed.sort()).to.deep.equal([...allFields].sort());
    for (const setting of Object.keys(settings)) expect(page).to.contain(`\`${setting}\``);
  });
});
