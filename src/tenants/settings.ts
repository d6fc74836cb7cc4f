import type { SettingsShape } from '../contract/settings.ts';

/** The settings as their connector reads them: defaults filled in, `on` and `off` as flags, nothing undeclared. */
export function completeSettings(
  declared: SettingsShape,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const settings: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(declared)) {
    const value = Object.hasOwn(given, name) ? given[name] : setting.default;
    if (value !== undefined) settings[name] = setting.kind === 'flag' ? value === true || value === 'on' : value;
  }
  return settings;
}
