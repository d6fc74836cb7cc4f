import { BadInput } from '../../base/errors.ts';
import type { HubTenantStore, Replacement } from '../../store/index.ts';
import type { Replaced } from '../../tenants/index.ts';
import { type Command, type Context, declare, exits, group, type JsonOption } from '../context.ts';
import { table } from '../table.ts';
import { connectionTarget, openConnection } from '../target.ts';
import { printable } from '../terminal.ts';
import { count, number } from '../words.ts';

interface Options extends JsonOption {
  readonly yes?: true;
  readonly dryRun?: true;
}

/** A screenful; `--json` has them all. */
const MOST_SHOWN = 50;

export function connection(program: Command, context: Context): void {
  replace(group(program, 'connection', 'one connection in place of another: replace'), context);
}

function replace(parent: Command, context: Context): void {
  declare(
    parent,
    'replace <tenant/old> <new>',
    'let a connection take the place of another: ids stay; shows first whom and what the new one does not know',
    'sluice connection replace acme/people microsoft365',
    'sluice connection replace acme/people microsoft365 --yes',
  )
    .option('--yes', 'do it, whatever the new connection does not know')
    .option('--dry-run', 'only show, and end with 0 whatever is shown')
    .action(async (target: string, by: string, options: Options) => {
      const named = connectionTarget(target);
      const other = connectionTarget(`${named.tenant}/${by}`);
      if (options.yes && options.dryRun)
        throw new BadInput('--yes does it and --dry-run only shows: give one of them.');
      const { done, paused } = await context.attached('connection replace', async ({ store }) => {
        const { tenant } = await openConnection(store, named);
        const { status } = await openConnection(store, other);
        const { replaceConnection } = await import('../../tenants/index.ts');
        const done = await replaceConnection({
          store: tenant,
          old: named.connection,
          by: status.name,
          connectors: context.deps.connectors,
          yes: options.yes === true,
          onShown: (shown) => (options.json ? undefined : show(context, tenant, named.connection, by, shown)),
        });
        return { done, paused: status.paused };
      });
      await end(context, options, { ...named, by, done, paused });
    });
}

interface Ending {
  readonly tenant: string;
  readonly connection: string;
  readonly by: string;
  readonly done: Replaced;
  readonly paused: boolean;
}

async function end(context: Context, options: Options, { tenant, connection: old, by, done, paused }: Ending) {
  const { json, say } = context;
  const { outcome, shown, version, configuration } = done;
  const { loses } = await import('../../tenants/index.ts');
  const waits = outcome === 'shown' && !options.dryRun && loses(shown);
  if (options.json) json({ tenant, old, by, outcome, version, ...shown });
  else if (outcome === 'shown') {
    say();
    say(`Nothing was changed; with --yes ${by} takes the place of ${old}.`);
  } else for (const line of whatNext(tenant, old, by, configuration.users.sources, paused)) say(line);
  if (waits) context.end(exits.held);
}

function whatNext(tenant: string, old: string, by: string, sources: readonly string[], paused: boolean): string[] {
  return [
    '',
    `Done: ${by} has taken the place of ${old}, which is removed.`,
    `Change the file of ${tenant} too, or its next apply brings ${old} back:`,
    `  - take the block \`${old}:\` out of \`connections:\`;`,
    `  - below \`users:\` write \`sources: [${sources.join(', ')}]\`.`,
    ...(paused ? [`${tenant}/${by} is paused: \`sluice resume ${tenant}/${by}\` lets it run.`] : []),
  ];
}

async function show(
  { style, terminal, say }: Context,
  store: HubTenantStore,
  old: string,
  by: string,
  shown: Replacement,
) {
  const { known, matched, elsewhere, unmatched } = shown.users;
  say(style.strong(`${by} in the place of ${old}`));
  if (known > 0) {
    say(`  users: of ${number(known)} that ${old} knows, ${by} knows ${number(matched)}; they stay who they are`);
    if (elsewhere > 0) say(`  of the others, another connection knows ${number(elsewhere)}`);
  }
  for (const stream of ['spaces', 'events', 'lockers'] as const) {
    const of = shown[stream];
    if (of.known === 0) continue;
    const going = of.known - of.matched;
    const kept = `  ${stream}: of ${number(of.known)} that ${old} tells, ${by} tells ${number(of.matched)}; they keep their ids`;
    say(going > 0 ? style.bad(`${kept}, and ${number(going)} ${going === 1 ? 'goes' : 'go'}`) : kept);
  }
  if (unmatched.length === 0) return;
  say(style.bad(`  ${count(unmatched.length, 'user')} would be known by no directory any more:`));
  say('  they stay users by their log-on alone; what only a directory told of them goes.');
  const rows = await identified(store, unmatched.slice(0, MOST_SHOWN), terminal.outIsTerminal);
  terminal.out(table([{ title: '' }, { title: '' }], rows, { indent: 4 }));
  if (unmatched.length > MOST_SHOWN)
    say(`    and ${count(unmatched.length - MOST_SHOWN, 'more user')}; --json has the ids of all`);
}

/** Who they are is for the eyes of a person: what is piped may end in a file. */
async function identified(store: HubTenantStore, ids: readonly string[], toPerson: boolean): Promise<string[][]> {
  if (!toPerson) return ids.map((id) => [id, '']);
  const users = await store.users.many(ids);
  return ids.map((id) => [id, printable(users.get(id)?.fields.email ?? '')]);
}
