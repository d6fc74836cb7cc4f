import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian's packages for what tests run; named in the reason for a skip. */
const packages: Readonly<Record<string, string>> = {
  slapd: 'slapd',
  slapadd: 'slapd',
  ldapsearch: 'ldap-utils',
  ldapmodify: 'ldap-utils',
  samba: 'samba-ad-dc',
  'samba-tool': 'samba-ad-dc samba-ad-provision samba-dsdb-modules',
  ldbsearch: 'ldb-tools',
};

/** Where a program is; servers live in folders that are not on an ordinary user's PATH. */
export function programPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * For the `before` of a test that needs installed programs: where one is missing the suite is skipped with a printed
 * reason, and under CI=true it fails, because there a skipped test would look like a passed one.
 * `'root'` stands for the right to do what only root may (ports below 1024).
 */
export function requires(test: Mocha.Context, ...names: string[]): void {
  const missing = names.filter((name) => (name === 'root' ? process.getuid?.() !== 0 : !programPath(name)));
  if (missing.length === 0) return;
  const wanted = missing.map((name) => (packages[name] ? `${name} (apt-get install ${packages[name]})` : name));
  const reason = `needs ${wanted.join(', ')}`;
  skip(test, reason);
}

let last = 'no reason given';

/** Nothing is skipped without a reason, which the closing list of a run prints; under CI=true nothing is skipped at all. */
export function skip(test: Mocha.Context, reason: string): never {
  if (process.env.CI === 'true') throw new Error(`This test was to be skipped (${reason}); in CI nothing is.`);
  last = reason;
  return test.skip();
}

/** Why what was skipped last was skipped. */
export const lastReason = (): string => last;
