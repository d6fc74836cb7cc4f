import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { count } from '../words.ts';

export function migrate(program: Command, { deps, style, settings, json, say }: Context): void {
  declare(program, 'migrate', 'bring the database to this version', 'sluice migrate --plan')
    .option('--plan', 'only say what would be done')
    .action(async (options: JsonOption & { plan?: true }) => {
      const steps = await deps.migrate(settings(), options.plan === true);
      if (options.json) return json({ migrations: steps });
      const pending = steps.filter(({ state }) => state === 'pending');
      const done = steps.length - pending.length;
      for (const { name, state } of steps)
        say(`${state === 'pending' ? style.doubt(state) : style.faint(state)}  ${name}`);
      if (pending.length > 0) say(`${count(pending.length, 'migration')} to apply; \`sluice migrate\` does it.`);
      else if (options.plan) say('The database is up to date: there is nothing to do.');
      else
        say(
          done > 0
            ? `The database is up to date: ${count(done, 'migration')} applied.`
            : 'The database is up to date: nothing was left to apply.',
        );
    });
}
