import { problemLine } from '../../tenants/problem.ts';
import { noteWarnings, validateFile } from '../configuration-file.ts';
import { type Command, type Context, declare, exits, type JsonOption } from '../context.ts';
import { printable } from '../terminal.ts';
import { count } from '../words.ts';

export function validate(program: Command, context: Context): void {
  const { style, json, say, note, end } = context;
  declare(
    program,
    'validate <file>',
    "check a tenant's configuration file; names line, column and the fix, and changes nothing",
    'sluice validate acme.yaml',
  ).action(async (file: string, options: JsonOption) => {
    const validated = await validateFile(file, context);
    if (!validated.ok) end(exits.wrongWords);
    const { problems, warnings } = validated.ok
      ? { problems: [], warnings: validated.warnings }
      : { problems: validated.problems, warnings: [] };
    if (options.json) return json({ file, valid: validated.ok, problems, warnings });
    for (const problem of problems) note(style.bad(problemLine(printable(file), problem)));
    noteWarnings(file, warnings, context);
    if (!validated.ok) return;
    const { tenant, connections } = validated.draft.unresolved;
    const doubts = warnings.length > 0 ? `, with ${count(warnings.length, 'warning')}` : '';
    say(`${printable(file)} is in order${doubts}: tenant ${tenant}, ${count(connections.length, 'connection')}.`);
    say('Its secrets are looked up when it is applied: `sluice apply` shows first what would change.');
  });
}
