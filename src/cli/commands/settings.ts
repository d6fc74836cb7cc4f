import { settingsTable } from '../../settings/index.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { table } from '../table.ts';
import { printable } from '../terminal.ts';

/** Never refuses: this is where somebody looks who was told that a setting is wrong. */
export function settings(program: Command, { terminal, style, settingsWarnings, json, say, note }: Context): void {
  declare(program, 'settings', "the operator's settings, what is set and what they do", 'sluice settings').action(
    (options: JsonOption) => {
      const rows = settingsTable(terminal.env);
      const warnings = settingsWarnings();
      if (options.json) return json({ settings: rows, warnings });
      terminal.out(
        table(
          [{ title: 'name' }, { title: 'set to' }, { title: 'default' }, { title: 'meaning' }],
          rows.map((row) => [
            style.strong(row.name),
            row.value === null || (row.secret && row.value === 'not set') ? '-' : shown(row.value, row.from),
            row.default,
            row.description,
          ]),
          { columns: terminal.columns, paintTitle: style.faint },
        ),
      );
      say();
      say('Each is read from the environment, or from the file that NAME_FILE names.');
      for (const warning of warnings) note(style.doubt(warning));
    },
  );
}

function shown(value: string, from: string | null): string {
  return from && value === 'set' ? `set by ${from}` : printable(value);
}
