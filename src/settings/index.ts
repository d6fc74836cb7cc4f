/** The operator's settings: one typed table, read once from the environment. */
export { checkListenAddress, isLoopback } from './listen.ts';
export { readSettings, type SettingRow, settingsTable } from './read.ts';
export { type OperatorSetting, type OperatorSettings, settings } from './table.ts';
export { settingsWarnings } from './warnings.ts';
