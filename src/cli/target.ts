import { BadInput, Refused } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { isUuid } from '../base/uuid.ts';
import type { Receipt } from '../model/receipt.ts';
import type { HubTenantStore, Store } from '../store/index.ts';

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const isName = (text: string) => text.length <= 40 && NAME.test(text);

/** Words are judged before the database is opened: these are what is left of them. */
export interface ConnectionTarget {
  readonly tenant: string;
  readonly connection: string;
}

/** `acme/people` in its two parts. @throws BadInput */
export function connectionTarget(text: string): ConnectionTarget {
  const [tenant = '', connection = '', ...more] = text.split('/');
  if (more.length > 0 || !isName(tenant) || !isName(connection))
    throw new BadInput('Name the tenant and the connection with a slash between them, such as acme/people.');
  return { tenant, connection };
}

/** `acme` or `acme/people`. @throws BadInput */
export function runsTarget(text: string): { tenant: string; connection?: string } {
  if (text.includes('/')) return connectionTarget(text);
  if (!isName(text)) throw new BadInput('Name a tenant such as acme, or a connection such as acme/people.');
  return { tenant: text };
}

/** @throws BadInput */
export function tenantTarget(text: string): string {
  if (isName(text)) return text;
  throw new BadInput('A tenant’s name is small letters, digits and single hyphens, such as acme or acme-eu.');
}

/** The id of a run as it is stored. @throws BadInput */
export function runTarget(text: string): string {
  const run = text.trim().toLowerCase();
  if (isUuid(run)) return run;
  throw new BadInput('That is not the id of a run; `sluice runs` lists them.');
}

/** @throws Refused `not-found`, naming the tenant that was probably meant */
export async function openTenant(store: Store, name: string): Promise<HubTenantStore> {
  const tenants = await store.registry.tenants();
  const found = tenants.find((tenant) => tenant.name === name);
  if (found) return store.tenant(found.id);
  const meant = nearest(
    name,
    tenants.map((tenant) => tenant.name),
  );
  const hint = meant ? `did you mean ${meant}?` : '`sluice apply FILE` makes one.';
  throw new Refused('not-found', `There is no tenant ${name} on this hub; ${hint}`);
}

/** @throws Refused `not-found`, naming the connections there are */
export async function openConnection(store: Store, { tenant: tenantName, connection }: ConnectionTarget) {
  const tenant = await openTenant(store, tenantName);
  const connections = await tenant.connections.list();
  const status = connections.find(({ name }) => name === connection);
  if (status) return { tenant, status };
  const names = connections.map(({ name }) => name);
  const meant = nearest(connection, names);
  const there = names.length > 0 ? `it has ${names.join(', ')}` : 'it has none yet';
  const hint = meant ? `did you mean ${tenantName}/${meant}?` : `${there}; \`sluice apply FILE\` adds one.`;
  throw new Refused('not-found', `${tenantName} has no connection ${connection}; ${hint}`);
}

/** A run is named by its id alone, so every tenant is asked; ids are unique among all of them. */
export async function findRun(store: Store, run: string): Promise<{ tenant: HubTenantStore; receipt: Receipt }> {
  for (const { id: tenantId } of await store.registry.tenants()) {
    const tenant = await store.tenant(tenantId);
    const receipt = await tenant.runs.get(run).catch(unlessNotFound);
    if (receipt) return { tenant, receipt };
  }
  throw new Refused('not-found', 'There is no run of that id on this hub; `sluice runs` lists them.');
}

function unlessNotFound(error: unknown): undefined {
  if (error instanceof Refused && error.kind === 'not-found') return undefined;
  throw error;
}
