import type { Plan } from '../../tenants/index.ts';
import { applyFile } from '../apply-file.ts';
import { wantedBy } from '../configuration-file.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { printable } from '../terminal.ts';
import { capital } from '../words.ts';

interface Options extends JsonOption {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly resume?: true;
  readonly overwrite?: true;
}

export function apply(program: Command, context: Context): void {
  const { deps, json, say } = context;
  declare(
    program,
    'apply <file>',
    'bring a tenant to what its file says: shows what changes, then does it whole or not at all',
    'sluice apply acme.yaml --dry-run',
    'sluice apply acme.yaml --yes',
  )
    .option('--dry-run', 'only show what would change')
    .option('--yes', 'agree to what the plan destroys')
    .option('--resume', 'start new and changed connections at once, without check and preview')
    .option('--overwrite', 'apply although something else changed the configuration meanwhile')
    .action(async (file: string, options: Options) => {
      const next = await wantedBy(file, context);
      const done = await context.attached('apply', ({ store }) =>
        applyFile(store, next, deps, {
          yes: options.yes === true,
          resume: options.resume === true,
          overwrite: options.overwrite === true,
          dryRun: options.dryRun === true,
          onPlan: (plan) => {
            if (!options.json) showPlan(context, plan);
          },
        }),
      );
      const { outcome, plan, version } = done;
      if (options.json) return json({ tenant: next.tenant, outcome, version, plan });
      say();
      if (outcome === 'unchanged') return say(`Nothing to do: ${next.tenant} is what ${printable(file)} says.`);
      if (outcome === 'planned') return say('Nothing was changed; without --dry-run this is what would be done.');
      say(`Applied: ${next.tenant} is now at version ${version}.`);
      for (const line of whatNext(plan, next.connections, options.resume === true)) say(line);
    });
}

function showPlan({ style, say }: Context, plan: Plan): void {
  if (plan.lines.length === 0) return;
  say(style.strong(`Plan for ${plan.tenant}`));
  for (const { sentence, destroys } of plan.lines)
    say(destroys ? style.bad(`  - ${capital(sentence)}`) : `  + ${capital(sentence)}`);
}

/** New and changed connections wait until a person has looked at what they would read. */
function whatNext(
  { tenant, review }: Plan,
  connections: readonly { readonly name: string; readonly paused: boolean; readonly schedule?: string }[],
  resumed: boolean,
): string[] {
  return review.flatMap((name) => {
    const of = `${tenant}/${name}`;
    const connection = connections.find((one) => one.name === name);
    if (connection?.paused) return [`${of} is kept idle, as the file says (paused: on).`];
    if (resumed)
      return [
        connection?.schedule === undefined
          ? `${of} has no schedule; it runs with \`sluice sync ${of}\`.`
          : `${of} runs at its next due time; at once with \`sluice sync ${of}\`.`,
      ];
    return [
      `${of} waits for you: \`sluice check ${of}\`, then \`sluice preview ${of}\`, then \`sluice resume ${of}\`.`,
    ];
  });
}
