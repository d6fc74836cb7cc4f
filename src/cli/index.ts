/** The hub from a terminal: one file per command, over what main hands in. */
export type { Attached, CliDeps, HubRole, RunningHub, SandboxDeps } from './deps.ts';
export { runCli } from './run-cli.ts';
