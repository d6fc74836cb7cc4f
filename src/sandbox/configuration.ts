import { peopleDn } from './employee.ts';
import { readerDn } from './junk.ts';
import { mailDomain } from './people.ts';

export interface SandboxConfigurationOptions {
  readonly directory: SandboxDirectoryAccess;
  readonly microsoft365: SandboxMicrosoft365Access;
  /** Cron, in the tenant's zone; default every minute, so that somebody who watches sees runs. */
  readonly schedule?: string;
}

export interface SandboxDirectoryAccess {
  /** The sandbox directory's. */
  readonly url: string;
  /** A literal: the sandbox has nothing to hide, and no shell to take a secret from. */
  readonly bindPassword: string;
  /** PEM of the certificate authority, if the directory speaks TLS with a private one. */
  readonly ca?: string;
}

/** As the sandbox's Microsoft 365 tells of itself. */
export interface SandboxMicrosoft365Access {
  /** Of Graph and of the sign-in. */
  readonly url: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly ca: string;
  readonly mailboxes: readonly string[];
}

// JSON strings are YAML strings, whatever they hold.
const quoted = (value: string) => JSON.stringify(value);

/** The sandbox tenant's configuration, as its IT department would have written it. */
export function sandboxConfiguration({
  directory,
  microsoft365,
  schedule = '* * * * *',
}: SandboxConfigurationOptions): string {
  return `version: 1
tenant: acme
name: Acme B.V.
time_zone: Europe/Amsterdam
users:
  admit: first-logon
  sources: [people, m365]
  leaver_grace: 7d
  domains: [${mailDomain}]
features:
  people-directory: on
  room-booking: on
  hybrid-meetings: on
connections:
${peopleConnection(directory, schedule)}${microsoft365Connection(microsoft365, schedule)}`;
}

const peopleConnection = ({ url, bindPassword, ca }: SandboxDirectoryAccess, schedule: string) => `  people:
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

/** Meetings are called off: a tenth of them within a day, which is the limit where nothing is said, is no accident here. */
const microsoft365Connection = (access: SandboxMicrosoft365Access, schedule: string) => `  m365:
    connector: microsoft-graph
    schedule: ${quoted(schedule)}
    settings:
      tenant_id: ${access.tenantId}
      client_id: ${access.clientId}
      client_secret: ${quoted(access.clientSecret)}
      graph_url: ${quoted(access.url)}
      login_url: ${quoted(access.url)}
      ca: ${quoted(access.ca)}
      mailboxes: [${access.mailboxes.map(quoted).join(', ')}]
      on_premises_directory: people
      window: { back: 1d, ahead: 14d }
    streams:
      events:
        removals: { percent: 40, more_than: 50 }
`;
