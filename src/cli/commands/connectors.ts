import { BadInput } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import type { Connector } from '../../contract/connector.ts';
import type { SettingDeclaration } from '../../contract/settings.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { type FieldUse, fieldUses } from '../field-uses.ts';
import { table } from '../table.ts';
import { count, listed } from '../words.ts';

export function connectors(program: Command, context: Context): void {
  const { deps, style, terminal, json, say } = context;
  declare(
    program,
    'connectors [name]',
    'every connector; of one, what it reads and why, what it needs and what to grant',
    'sluice connectors ldap',
  ).action((name: string | undefined, options: JsonOption) => {
    if (name !== undefined) {
      const connector = named(deps.connectors, name);
      return options.json ? json(described(connector)) : show(context, connector);
    }
    if (options.json) return json({ connectors: deps.connectors.map(described) });
    const rows = deps.connectors.map((one) => [
      style.strong(one.name),
      Object.keys(one.streams).join(', ').replaceAll('_', ' '),
      one.summary,
    ]);
    const head = [{ title: 'connector' }, { title: 'reads' }, { title: 'what it is' }];
    terminal.out(table(head, rows, { columns: terminal.columns, paintTitle: style.faint }));
    say();
    say('`sluice connectors NAME` says what one reads and why, and what to grant it.');
  });
}

function named(all: readonly Connector[], name: string): Connector {
  const found = all.find((one) => one.name === name);
  if (found) return found;
  const names = all.map((one) => one.name);
  const meant = nearest(name, names);
  throw new BadInput(`There is no such connector; ${meant ? `did you mean ${meant}?` : `there are ${listed(names)}.`}`);
}

/** For programs: the declaration without its code. */
function described(connector: Connector) {
  const { name, version, summary, network, permission } = connector;
  const settings = Object.entries(connector.settings).map(([setting, one]) => ({
    name: setting,
    kind: one.kind,
    required: one.required,
    secret: one.kind === 'secret',
    default: one.default ?? null,
    ...(one.choices ? { choices: one.choices } : {}),
    ...(one.example === undefined ? {} : { example: one.example }),
    description: one.description,
  }));
  const streams = Object.fromEntries(fieldUses(connector).map(([stream, fields]) => [stream, { fields }]));
  return { name, version, summary, network, permission, settings, streams };
}

function show({ style, terminal, say }: Context, connector: Connector): void {
  const layout = { columns: terminal.columns, indent: 2, paintTitle: style.faint };
  say(`${style.strong(connector.name)}  ${connector.summary}`);
  say();
  say(style.strong('Network'));
  say(`  ${connector.network}`);
  say(style.strong('Permission to grant'));
  say(`  ${connector.permission}`);
  say();
  say(style.strong('Settings'));
  const settings = Object.entries(connector.settings).map(([name, one]) => [name, needed(one), explained(one)]);
  terminal.out(table([{ title: 'name' }, { title: 'needed' }, { title: 'meaning' }], settings, layout));
  for (const [stream, fields] of fieldUses(connector)) {
    say();
    say(style.strong(`Reads ${stream.replace('_', ' ')}: ${count(fields.length, 'field')} and no other`));
    const head = [{ title: 'their field' }, { title: 'role' }, { title: 'kept as' }, { title: 'why' }];
    terminal.out(table(head, fields.map(fieldRow), layout));
  }
  say();
  say('key names the record; match recognises a user; decide is looked at and forgotten; keep is kept for a user.');
}

const fieldRow = (use: FieldUse) => [
  use.field,
  use.roles.join(', '),
  use.ours.join(', '),
  [...use.why, ...use.features.map((feature) => `Only while ${feature} is on.`)].join(' '),
];

function needed(one: SettingDeclaration): string {
  if (one.required) return 'yes';
  if (one.default === undefined) return 'no';
  if (typeof one.default === 'object' && one.default !== null && !Array.isArray(one.default))
    return Object.entries(one.default)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', ');
  return one.default === true ? 'on' : one.default === false ? 'off' : String(one.default);
}

function explained(one: SettingDeclaration): string {
  const choices = one.choices ? ` One of ${listed(one.choices, 'or')}.` : '';
  const secret = one.kind === 'secret' ? ' Secret: stored sealed, never shown.' : '';
  return `${one.description}${choices}${secret}${one.example ? ` Such as ${one.example}` : ''}`;
}
