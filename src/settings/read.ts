import { readFileSync, statSync } from 'node:fs';
import { BadInput } from '../base/errors.ts';
import { type OperatorSetting, type OperatorSettings, settings } from './table.ts';

/** Longer than any key, certificate chain or list; a device or a log by mistake is not read to its end. */
const MAX_FILE_BYTES = 1024 * 1024;

type Source = { readonly text: string | undefined } | { readonly wrong: string };

/** What stands for a setting in the environment: `NAME`, or the content of the file that `NAME_FILE` names. */
function lookUp(env: NodeJS.ProcessEnv, name: string): Source {
  // An empty variable is how compose files and unit files say "not set".
  const direct = env[name] || undefined;
  const file = env[`${name}_FILE`] || undefined;
  if (direct !== undefined && file !== undefined) {
    return { wrong: `${name} and ${name}_FILE are both set; keep one of them.` };
  }
  if (file === undefined) return { text: direct };
  try {
    if (statSync(file).size > MAX_FILE_BYTES)
      return { wrong: `${name}_FILE names a file larger than 1 MiB; name another.` };
    const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    return text === '' ? { wrong: `${name}_FILE names an empty file; put the value in it.` } : { text };
  } catch {
    return { wrong: `${name}_FILE names a file that cannot be read; check the path and its permissions.` };
  }
}

/**
 * Reads every setting from the environment.
 * @throws BadInput with one sentence per line for everything that is wrong
 */
export function readSettings(env: NodeJS.ProcessEnv): OperatorSettings {
  const wrong: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings) as [string, OperatorSetting<unknown>][]) {
    const source = lookUp(env, setting.env);
    const parsed = 'wrong' in source ? source : setting.parse(source.text);
    if ('value' in parsed) values[key] = parsed.value;
    else wrong.push('wrong' in source ? source.wrong : `${setting.env} ${parsed.wrong}.`);
  }
  if (wrong.length > 0) throw new BadInput(wrong.join('\n'));
  return values as OperatorSettings;
}

export interface SettingRow {
  readonly name: string;
  readonly description: string;
  readonly default: string;
  readonly secret: boolean;
  /** What stands in the environment; of a secret only `set` or `not set`. `null`: not set, the default applies. */
  readonly value: string | null;
  /** `NAME_FILE` if the value comes from a file. */
  readonly from: string | null;
}

/** The rows of `sluice settings`. Never throws: a bad value is `readSettings`' to refuse. */
export function settingsTable(env: NodeJS.ProcessEnv): SettingRow[] {
  return Object.values(settings).map((setting) => {
    const file = `${setting.env}_FILE`;
    const isSet = Boolean(env[setting.env] || env[file]);
    const row = {
      name: setting.env,
      description: setting.description,
      default: setting.default,
      secret: setting.secret,
    };
    if (setting.secret) return { ...row, value: isSet ? 'set' : 'not set', from: env[file] ? file : null };
    if (env[setting.env]) return { ...row, value: shorten(env[setting.env]!), from: null };
    return env[file] ? { ...row, value: `content of ${env[file]}`, from: file } : { ...row, value: null, from: null };
  });
}

/** One line of a table: a certificate chain shows its first line. */
function shorten(text: string): string {
  const line = text.split(/[\r\n]/, 1)[0]!;
  return line.length < text.length || line.length > 100 ? `${line.slice(0, 100)}…` : line;
}
