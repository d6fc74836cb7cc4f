import ldap from '../../../connectors/ldap/index.ts';
import { startSandboxDirectory } from '../../../src/sandbox/directory.ts';
import { behavesLikeAConnector, type Sample, type SourceHarness } from '../../support/behaves-like-a-connector.ts';
import { cuttingProxy } from '../../support/cutting-proxy.ts';

const uuid = (n: number) => `5a3f0000-0000-4000-8000-${String(n).padStart(12, '0')}`;

const source: SourceHarness = {
  undeclared: ['homePostalAddress', 'homePhone', 'mobile', 'description', 'carLicense', 'initials', 'roomNumber'],
  privateAuthority: false,
  sample: (_stream, n): Sample => ({
    entryUUID: uuid(n),
    mail: `person${n}@acme.example`,
    givenName: `Given${n}`,
    sn: `Family${n}`,
    telephoneNumber: `+31 20 555 ${String(n).padStart(4, '0')}`,
    title: `Title number ${n}`,
    departmentNumber: `Department ${n}`,
  }),
  async start(contents) {
    const directory = await startSandboxDirectory({ seed: 1, password: 'suite-password' });
    for (const { uuid: everybody } of directory.entries().filter(({ dn }) => /ou=/.test(dn) && /^(uid|cn)=/.test(dn)))
      directory.remove(everybody);
    for (const { entryUUID = '', ...fields } of contents.users ?? [])
      directory.put({
        uuid: entryUUID,
        dn: `uid=${entryUUID},ou=people,${directory.baseDn}`,
        attributes: {
          objectClass: ['top', 'person', 'organizationalPerson', 'inetOrgPerson'],
          entryUUID: [entryUUID],
          uid: [entryUUID],
          cn: [entryUUID],
          ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value]])),
        },
      });
    const proxy = await cuttingProxy(Number(new URL(directory.url).port));
    return {
      settings: {
        url: `ldap://127.0.0.1:${proxy.port}`,
        bind_dn: directory.bindDn,
        bind_password: directory.bindPassword,
        base_dn: `ou=people,${directory.baseDn}`,
        page_size: 5,
        timeout_s: 5,
      },
      ...proxy,
      // The root DSE (base "") is about the server; with typesOnly no value travels.
      asked: () => directory.searches().flatMap((one) => (one.base === '' || one.typesOnly ? [] : one.attributes)),
      async stop() {
        await proxy.stop();
        await directory.stop();
      },
    };
  },
};

behavesLikeAConnector(ldap, {
  source,
  badSettings: [
    {
      what: 'a bind_dn that does not exist',
      settings: (good) => ({ ...good, bind_dn: `cn=nobody,${good.base_dn}` }),
      says: /bind_dn|bind_password/,
    },
    {
      what: 'a base_dn that does not exist',
      settings: (good) => ({ ...good, base_dn: 'ou=nowhere,dc=nowhere' }),
      says: /base_dn/,
    },
    {
      what: 'a filter that is none',
      settings: (good) => ({ ...good, filter: '(&(objectClass=' }),
      says: /filter/,
    },
  ],
});
