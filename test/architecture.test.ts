/** The house, as a table: who may import whom. A new arrow needs a reason, and this table changes with it. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { expect } from 'chai';

const root = join(import.meta.dirname, '..');

const ANYTHING = 'anything';
/** Beside itself, `base` and `model`, which everybody may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | typeof ANYTHING>> = {
  base: [],
  model: [],
  crypto: [],
  contract: [],
  connectors: ['contract'],
  users: [],
  tenants: ['contract', 'store', 'crypto'],
  // The contract's own small functions over its shapes (`scopeFields`, `streamOf`) come with them.
  gate: ['contract', 'users'],
  // Of the contract the store keeps shapes (a scope, a state) that it hands back untouched.
  store: ['contract', 'gate', 'users', 'crypto', 'migrations'],
  sync: ['contract', 'gate', 'store', 'users', 'webhooks'],
  privacy: ['store', 'users', 'crypto'],
  webhooks: ['store'],
  api: ['store', 'sync', 'users', 'tenants', 'privacy'],
  console: ['api'],
  cli: ['store', 'sync', 'tenants', 'privacy', 'settings', 'contract'],
  sandbox: ['contract'],
  settings: [],
  migrations: [],
  main: ANYTHING,
};
/** Shapes only: `import type`. */
const TYPES_ONLY: Readonly<Record<string, readonly string[]>> = {
  tenants: ['contract'],
  store: ['contract', 'gate'],
  console: ['api'],
};
const BASE = ['base', 'model'];
/** Base knows nothing of the rest. */
const WITHOUT_BASE: Readonly<Record<string, readonly string[]>> = { base: [], migrations: [] };

/** Packages with one owner: whoever else imports them goes around it. */
const ONE_OWNER: Readonly<Record<string, (file: string) => boolean>> = {
  knex: (file) => file.startsWith('src/store/'),
  pg: (file) => file.startsWith('src/store/'),
  'pg-boss': (file) => file === 'src/sync/jobs.ts' || file === 'src/store/migrate.ts',
};
/** A connector has no network of its own: all goes through the `net` it is given. */
const NETWORK =
  /^(node:)?(net|tls|http|https|http2|dgram|dns|dns\/promises|child_process|fs|fs\/promises)$|^(axios|undici|got|node-fetch)$/;

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** Comments blanked, so that an import somebody writes about does not count. Strings that look like one are not told apart. */
const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

/** Every static import, re-export, import for effect, dynamic import and type import of a file. */
function importsOf(file: string, text: string): Import[] {
  const code = withoutComments(text);
  const found: Import[] = [];
  for (const [, typeOnly, specifier] of code.matchAll(
    /^\s*(?:import|export)\s+(type\s)?[^;'"]*?from\s*['"]([^'"]+)['"]/gm,
  )) {
    found.push({ file, specifier: specifier!, typeOnly: typeOnly !== undefined });
  }
  for (const [, specifier] of code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm))
    found.push({ file, specifier: specifier!, typeOnly: false });
  for (const [, specifier] of code.matchAll(/\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g))
    found.push({ file, specifier: specifier!, typeOnly: false });
  return found;
}

/** The room a file is in: a folder of `src`, or `connectors`, `migrations`, `main`. */
function roomOf(file: string): string {
  const [top, folder] = file.split('/');
  if (top !== 'src') return top!;
  return folder === 'main.ts' ? 'main' : folder!;
}

/** What is wrong with an import, as a sentence with file and rule; `undefined` if nothing is. */
function violation(one: Import): string | undefined {
  const { file, specifier, typeOnly } = one;
  const told = (rule: string) => `${file} imports ${specifier}: ${rule}`;
  const room = roomOf(file);
  if (!specifier.startsWith('.')) {
    const name = specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0]!;
    if (Object.hasOwn(ONE_OWNER, name) && !ONE_OWNER[name]!(file)) return told(`${name} belongs to the store`);
    if (room === 'connectors' && NETWORK.test(specifier) && !typeOnly)
      return told('a connector uses the net it is given, and no other');
    return undefined;
  }
  const target = normalize(join(dirname(file), specifier))
    .split(sep)
    .join('/');
  const other = roomOf(target);
  if (target.startsWith('..') || !(other in MAY_IMPORT)) return told('it leads out of the house');
  if (room === 'connectors') return connectorViolation(file, target, other, told);
  if (other === room) return undefined;
  if (other === 'main') return told('nobody imports main');
  if (other === 'connectors' && room !== 'main') return told('only main meets the connectors');
  const allowed = MAY_IMPORT[room];
  if (!allowed) return told(`${room} is not in the table`);
  if (allowed === ANYTHING) return undefined;
  if ((WITHOUT_BASE[room] ?? BASE).includes(other)) return undefined;
  if (!allowed.includes(other)) return told(`${room} may not import ${other}`);
  if (TYPES_ONLY[room]?.includes(other) && !typeOnly) return told(`${room} may import types of ${other} only`);
  return undefined;
}

function connectorViolation(
  file: string,
  target: string,
  other: string,
  told: (rule: string) => string,
): string | undefined {
  if (other === 'connectors') {
    const [, mine] = file.split('/');
    const [, theirs] = target.split('/');
    // The list of all connectors is the one file that names them.
    return mine === theirs || file === 'connectors/index.ts' ? undefined : told('a connector never imports another');
  }
  if (BASE.includes(other) || target === 'src/contract/index.ts') return undefined;
  return told('a connector imports src/contract/index.ts, base and model, and nothing else of ours');
}

describe('the house', () => {
  const files = [...sources('src'), ...sources('connectors'), ...sources('migrations')];
  const imports = files.flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')));

  it('is read: the imports that it certainly has are found', () => {
    expect(files.length).to.be.greaterThan(150);
    expect(imports).to.deep.include({ file: 'src/store/database.ts', specifier: 'pg', typeOnly: false });
    expect(imports).to.deep.include({ file: 'src/store/migrate.ts', specifier: 'knex', typeOnly: false });
    expect(imports).to.deep.include({ file: 'src/store/apply-page.ts', specifier: '../gate/gate.ts', typeOnly: true });
  });

  it('has every folder in the table', () => {
    expect([...new Set(files.map(roomOf))].filter((room) => !(room in MAY_IMPORT))).to.deep.equal([]);
  });

  it('has no arrow that is not in the table', () => {
    expect(imports.flatMap((one) => violation(one) ?? [])).to.deep.equal([]);
  });

  it('prints nothing but in the command line', () => {
    const printing = files.filter((file) => {
      if (file.startsWith('src/cli/')) return false;
      return /\bconsole\s*\.|process\.(stdout|stderr)\.write/.test(
        withoutComments(readFileSync(join(root, file), 'utf8')),
      );
    });
    expect(printing.map((file) => `${file} prints: only src/cli talks to a terminal`)).to.deep.equal([]);
  });

  const cases: readonly [string, string, string | undefined][] = [
    ['connectors/ldap/index.ts', `import { record } from '../../src/contract/index.ts';`, undefined],
    ['connectors/ldap/index.ts', `import { record } from '../../src/contract/record.ts';`, 'nothing else of ours'],
    ['connectors/ldap/index.ts', `import { streams } from '../../src/model/model.ts';`, undefined],
    ['connectors/ldap/index.ts', `import { openStore } from '../../src/store/index.ts';`, 'nothing else of ours'],
    ['connectors/ldap/index.ts', `import { rows } from '../csv-lockers/rows.ts';`, 'never imports another'],
    ['connectors/ldap/index.ts', `import { connect } from 'node:tls';`, 'the net it is given'],
    ['connectors/ldap/index.ts', `import type { TLSSocket } from 'node:tls';`, undefined],
    ['connectors/index.ts', `import ldap from './ldap/index.ts';`, undefined],
    ['src/api/serve.ts', `import {\n  type Knex,\n  knex,\n} from 'knex';`, 'belongs to the store'],
    ['src/sync/run.ts', `import pg from 'pg';`, 'belongs to the store'],
    ['src/sync/jobs.ts', `import { PgBoss } from 'pg-boss';`, undefined],
    ['src/sync/run.ts', `const { PgBoss } = await import('pg-boss');`, 'belongs to the store'],
    ['src/base/log.ts', `import { features } from '../model/features.ts';`, 'base may not import model'],
    ['src/gate/gate.ts', `export * from '../store/index.ts';`, 'gate may not import store'],
    ['src/store/pass.ts', `import { gate } from '../gate/gate.ts';`, 'types of gate only'],
    ['src/store/pass.ts', `import type { Kept } from '../gate/gate.ts';`, undefined],
    ['src/store/pass.ts', `// import { gate } from '../gate/gate.ts';`, undefined],
    ['src/cli/index.ts', `import all from '../../connectors/index.ts';`, 'only main meets'],
    ['src/main.ts', `import all from '../connectors/index.ts';`, undefined],
    ['src/tenants/apply.ts', `import '../api/routes.ts';`, 'tenants may not import api'],
    ['src/new-room/x.ts', `import { x } from '../store/index.ts';`, 'not in the table'],
    ['src/base/x.ts', `import { testHub } from '../../test/support/hub.ts';`, 'out of the house'],
  ];
  for (const [file, text, rule] of cases) {
    it(`${rule ? 'finds' : 'allows'} in ${file}: ${text.replace(/\s+/g, ' ')}`, () => {
      const found = importsOf(file, text).flatMap((one) => violation(one) ?? []);
      if (rule) expect(found.join()).to.include(file).and.to.include(rule);
      else expect(found).to.deep.equal([]);
    });
  }
});
