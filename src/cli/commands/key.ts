import { BadInput, Refused } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import { type Feature, featureNames, isFeature } from '../../model/features.ts';
import type { ApiKey } from '../../store/types.ts';
import { parseDuration } from '../../tenants/duration.ts';
import { type Command, type Context, declare, group, type JsonOption } from '../context.ts';
import { table } from '../table.ts';
import { openTenant, tenantTarget } from '../target.ts';
import { printable } from '../terminal.ts';
import { instant, listed } from '../words.ts';

interface NewKey extends JsonOption {
  readonly name: string;
  readonly scopes: string;
  readonly features?: string;
  readonly expires?: string;
}

export function key(program: Command, context: Context): void {
  const parent = group(program, 'key', 'API keys: create, list, revoke');
  create(parent, context);
  list(parent, context);
  revoke(parent, context);
}

function create(parent: Command, context: Context): void {
  const { deps, terminal, style, json, say } = context;
  const example = 'sluice key create acme --name "room booking" --scopes users:read,changes:read --expires 90d';
  const described = Object.entries(deps.scopes).map(([scope, opens]) => [scope, opens]);
  declare(parent, 'create <tenant>', 'a new key, shown this once', example)
    .requiredOption('--name <who>', 'who uses it; a service, not a person')
    .requiredOption('--scopes <a,b>', 'what it may do, listed below')
    .option('--features <x,y>', 'what it is for; by itself every feature the tenant has on')
    .option('--expires <duration>', 'when it stops working, such as 90d or 12h; by itself never')
    .addHelpText('after', () => `\nScopes:\n${table([{ title: '' }, { title: '' }], described, { indent: 2 })}`)
    .action(async (given: string, options: NewKey) => {
      const name = tenantTarget(given);
      const wanted = {
        name: keyName(options.name),
        scopes: words(options.scopes, Object.keys(deps.scopes), '--scopes'),
        features: options.features === undefined ? null : featuresOf(options.features),
        expires_at: expiry(options.expires),
      };
      const made = await context.attached('key create', async ({ store }) =>
        (await openTenant(store, name)).keys.create(wanted),
      );
      const expires_at = wanted.expires_at?.toISOString() ?? null;
      if (options.json) return json({ tenant: name, ...wanted, expires_at, ...made });
      terminal.out(`${style.strong(made.key)}\n`);
      say();
      say('This is the only time it is shown: put it where the service keeps its secrets.');
      say(`It may ${listed(wanted.scopes)}; ${expires_at ? `until ${instant(expires_at)}` : 'it does not expire'}.`);
      say(`\`sluice key revoke ${made.id}\` ends it.`);
    });
}

function list(parent: Command, context: Context): void {
  const { terminal, style, json, say } = context;
  declare(parent, 'list [tenant]', 'every key, without its secret', 'sluice key list acme').action(
    async (given: string | undefined, options: JsonOption) => {
      const name = given === undefined ? undefined : tenantTarget(given);
      const items = await context.attached('key list', async ({ store }) => {
        const tenants =
          name === undefined ? await store.registry.tenants() : [{ id: (await openTenant(store, name)).tenantId }];
        const keys: (ApiKey & { tenant: string })[] = [];
        for (const { id } of tenants) {
          const tenant = await store.tenant(id);
          for (const one of await tenant.keys.list()) keys.push({ tenant: tenant.tenant, ...one });
        }
        return keys;
      });
      if (options.json) return json({ items });
      if (items.length === 0) return say('No key yet; `sluice key create TENANT --name WHO --scopes a,b` makes one.');
      const head = [
        { title: 'id' },
        { title: 'tenant' },
        { title: 'used by' },
        { title: 'expires' },
        { title: 'features' },
        { title: 'scopes' },
      ];
      const rows = items.map((one) => [
        one.id,
        one.tenant,
        printable(one.name),
        one.expires_at ? instant(one.expires_at) : 'never',
        one.features ? one.features.join(' ') || 'none' : 'all',
        one.scopes.join(' '),
      ]);
      terminal.out(table(head, rows, { columns: terminal.columns, paintTitle: style.faint }));
    },
  );
}

function revoke(parent: Command, context: Context): void {
  const { json, say } = context;
  declare(parent, 'revoke <id>', 'end a key at once', 'sluice key revoke 4fT9xQ2mZk7L').action(
    async (id: string, options: JsonOption) => {
      // A whole key pasted here is a secret in somebody's shell history: its id is all that is needed.
      const bare = /^sl_[a-z0-9-]+_([0-9A-Za-z]+)_/.exec(id)?.[1] ?? id;
      const tenant = await context.attached('key revoke', async ({ store }) => {
        for (const one of await store.registry.tenants())
          if (await (await store.tenant(one.id)).keys.revoke(bare)) return one.name;
        throw new Refused('not-found', 'There is no key of that id; `sluice key list` shows them.');
      });
      if (options.json) return json({ tenant, id: bare, revoked: true });
      say(`Key ${bare} of ${tenant} is revoked; it opens nothing any more.`);
    },
  );
}

function keyName(text: string): string {
  const name = text.trim();
  if (name === '' || name.length > 100 || /\p{Cc}/u.test(name))
    throw new BadInput('--name must say who uses the key, in 1 to 100 characters on one line.');
  return name;
}

function words(text: string, known: readonly string[], option: string): string[] {
  const wanted = [...new Set(text.split(/[\s,]+/).filter((word) => word !== ''))];
  const wrong = wanted.find((word) => !known.includes(word));
  if (wrong !== undefined) {
    const meant = nearest(wrong, known);
    const hint = meant ? `did you mean ${meant}?` : `it knows ${listed(known)}.`;
    throw new BadInput(`${option} does not know ${printable(wrong).slice(0, 40)}; ${hint}`);
  }
  if (wanted.length === 0) throw new BadInput(`${option} is empty; it knows ${listed(known)}.`);
  return wanted;
}

function featuresOf(text: string): Feature[] {
  return words(text, featureNames, '--features').filter(isFeature);
}

function expiry(text: string | undefined): Date | null {
  if (text === undefined) return null;
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0 || ms > 3650 * 86_400_000)
    throw new BadInput('--expires must be a duration such as 90d or 12h, at most 3650d.');
  return new Date(Date.now() + ms);
}
