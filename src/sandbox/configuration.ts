import { peopleDn } from './employee.ts';
import { readerDn } from './junk.ts';
import { mailDomain } from './people.ts';

export interface SandboxConfigurationOptions {
  /** The sandbox directory's. */
  readonly url: string;
  /** A literal: the sandbox has nothing to hide, and no shell to take a secret from. */
  readonly bindPassword: string;
  /** Cron, in the tenant's zone; default every minute, so that somebody who watches sees runs. */
  readonly schedule?: string;
  /** PEM of the certificate authority, if the directory speaks TLS with a private one. */
  readonly ca?: string;
}

/** The sandbox tenant's configuration, as its IT department would have written it. */
export function sandboxConfiguration({
  url,
  bindPassword,
  schedule = '* * * * *',
  ca,
}: SandboxConfigurationOptions): string {
  // JSON strings are YAML strings, whatever they hold.
  const quoted = (value: string) => JSON.stringify(value);
  return `version: 1
tenant: acme
name: Acme B.V.
time_zone: Europe/Amsterdam
users:
  admit: first-logon
  sources: [people]
  leaver_grace: 7d
  domains: [${mailDomain}]
features:
  people-directory: on
connections:
  people:
    connector: ldap
    schedule: ${quoted(schedule)}
    settings:
      url: ${quoted(url)}
      bind_dn: ${quoted(readerDn)}
      bind_password: ${quoted(bindPassword)}
      base_dn: ${quoted(peopleDn)}
      filter: (objectClass=inetOrgPerson)
${ca ? `      ca: ${quoted(ca)}\n` : ''}    streams:
      users:
        scope:
          not:
            or:
              - equals: { employeeType: contractor }
              - present: pwdAccountLockedTime
        fields: { job_title: title, department: departmentNumber }
`;
}
