import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { connectionTarget, openConnection } from '../target.ts';
import { instant } from '../words.ts';

export function pause(program: Command, context: Context): void {
  toggle(program, context, true, 'pause', 'stop reading a connection until it is resumed; what was let in stays');
}

export function resume(program: Command, context: Context): void {
  toggle(program, context, false, 'resume', 'let a paused connection run again, by its schedule');
}

function toggle(program: Command, context: Context, paused: boolean, verb: 'pause' | 'resume', summary: string): void {
  const { json, say } = context;
  declare(program, `${verb} <tenant/connection>`, summary, `sluice ${verb} acme/people`).action(
    async (target: string, options: JsonOption) => {
      const named = connectionTarget(target);
      const { before, told, after } = await context.attached(verb, async ({ store }) => {
        const { tenant, status } = await openConnection(store, named);
        const told = (await tenant.subscriptions.held(status.id, '')).length > 0;
        return { before: status, told, after: await tenant.connections.setPaused(status.name, paused) };
      });
      if (options.json) return json(after);
      const already = before.paused === paused ? ' already' : '';
      if (paused) {
        say(`${target} is paused${already}; \`sluice resume ${target}\` lets it run again.`);
        if (told)
          say(
            'The hub now ends what its source was asked to tell of changes; until that is done, and where the source cannot be reached, its calls are taken and cause nothing.',
          );
        if (after.running)
          say(`Run ${after.running} is under way and ends by itself; \`sluice cancel ${after.running}\` stops it.`);
        return;
      }
      const due = after.next_due_at;
      const when = due ? `It is next due at ${instant(due)}; at once` : 'It has no schedule; it runs';
      say(`${target} is${already} resumed. ${when} with \`sluice sync ${target}\`.`);
    },
  );
}
