import { Refused } from '../../base/errors.ts';
import { features } from '../../model/features.ts';
import { type UserField, userFieldNames, userFields } from '../../model/model.ts';
import type { UserAccount } from '../../store/types.ts';
import { type Command, type Context, declare, group, type JsonOption } from '../context.ts';
import { table } from '../table.ts';
import { openTenant, tenantTarget } from '../target.ts';
import { printable } from '../terminal.ts';
import { count, instant, listed } from '../words.ts';

export function user(program: Command, context: Context): void {
  const parent = group(program, 'user', "a user's request about their data: show");
  declare(
    parent,
    'show <tenant> <email>',
    'everything held about one user, who supplied it and why',
    'sluice user show acme noor.dewit@acme.example',
  ).action(async (given: string, email: string, options: JsonOption) => {
    const name = tenantTarget(given);
    const account = await context.attached('user show', async ({ store }) => {
      const tenant = await openTenant(store, name);
      const found = await tenant.users.findByEmail(email);
      // The address is not repeated: this sentence may end in a log.
      if (!found)
        throw new Refused('not-found', `${name} has no user of this address: nothing is held about anyone under it.`);
      return tenant.users.account(found.id);
    });
    if (options.json) return context.json({ ...account, purposes: purposesOf(account) });
    show(context, account);
  });
}

const label = (field: string) => field.replaceAll('_', ' ');

function whyOf(field: UserField): string {
  const declaration = userFields[field];
  const only = 'feature' in declaration ? ` Only while ${declaration.feature} is on.` : '';
  return `${declaration.purpose}${only}`;
}

/** Why each field that is held is held, for programs. */
function purposesOf({ fields }: UserAccount): Record<string, string> {
  return Object.fromEntries(userFieldNames.filter((field) => field in fields).map((field) => [field, whyOf(field)]));
}

function show(context: Context, account: UserAccount): void {
  const { style, terminal, say } = context;
  const layout = { columns: terminal.columns, indent: 2, paintTitle: style.faint };
  const section = (title: string, ...sentences: string[]) => {
    say();
    say(style.strong(title));
    for (const sentence of sentences) say(`  ${sentence}`);
  };
  say(`${style.strong(`User ${account.id}`)}  ${account.status}`);
  say(
    account.confirmed
      ? 'A directory vouches for this user, or did.'
      : 'Known by log-on alone: no directory has vouched for this user.',
  );

  section('What booking services can see');
  terminal.out(
    table(
      [{ title: 'field' }, { title: 'value' }, { title: 'supplied by' }, { title: 'why' }],
      userFieldNames.flatMap((field) => {
        const value = account.fields[field];
        if (value === undefined) return [];
        return [[label(field), printable(value), suppliersOf(account, field), whyOf(field)]];
      }),
      layout,
    ),
  );

  section('Who said what');
  terminal.out(
    table(
      [{ title: 'supplier' }, { title: 'last read' }, { title: 'said' }],
      account.contributions.map(({ supplier, fields, read_at }) => [
        supplier,
        instant(read_at),
        Object.entries(fields)
          .map(([field, value]) => `${label(field)}: ${value === null ? 'none' : printable(value)}`)
          .join('; '),
      ]),
      layout,
    ),
  );

  section('What the user is recognised by (sealed in the database)');
  const kinds = account.match_values.map(({ kind, value }) => [kind.replace('-', ' '), printable(value)]);
  terminal.out(table([{ title: 'kind' }, { title: 'value' }], kinds, layout));

  if (account.opt_ins.length > 0)
    section('Switched on by the user', ...account.opt_ins.map((name) => `${name}: ${features[name].purpose}`));
  else section('Switched on by the user', 'nothing');

  if (account.lockers.length > 0) {
    section(`Has ${count(account.lockers.length, 'locker')}`);
    const rows = account.lockers.map(({ number, until }) => [
      printable(number ?? 'unknown'),
      until ? instant(until) : 'open',
    ]);
    terminal.out(table([{ title: 'number' }, { title: 'until' }], rows, layout));
  }
  if (account.busy.length > 0) {
    section(
      `Busy ${count(account.busy.length, 'time', 'times')}, as hybrid-meetings needs it; each is forgotten when it ends`,
    );
    const rows = account.busy.map(({ starts_at, ends_at, show_as, spaces, connection }) => [
      instant(starts_at),
      instant(ends_at),
      show_as,
      printable(spaces.join(', ')),
      connection,
    ]);
    const columns = ['from', 'to', 'as', 'in our spaces', 'supplied by'].map((title) => ({ title }));
    terminal.out(table(columns, rows, layout));
  }
  if (account.meetings.length > 0) {
    section(`Organises ${count(account.meetings.length, 'meeting')}; whose it is, is forgotten when it ends`);
    const rows = account.meetings.map(({ space, starts_at, ends_at, connection }) => [
      printable(space),
      instant(starts_at),
      instant(ends_at),
      connection,
    ]);
    terminal.out(
      table([{ title: 'space' }, { title: 'from' }, { title: 'to' }, { title: 'supplied by' }], rows, layout),
    );
  }
  say();
  say('That is everything: what is not listed here is not held.');
}

/** Those whose word is the value that counts; several may have said the same. */
function suppliersOf({ contributions, fields }: UserAccount, field: UserField): string {
  const same = contributions.filter((one) => one.fields[field] === fields[field]).map(({ supplier }) => supplier);
  return same.length > 0 ? listed(same) : 'derived';
}
