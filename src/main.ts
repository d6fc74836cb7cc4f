/** Who meets whom: with the folder beside it the one place that knows every part by name. */
import { connectors } from '../connectors/index.ts';
import { scopes } from './api/scopes.ts';
import { runCli } from './cli/index.ts';

// Each part is loaded when it is wanted: the help needs no database, and a command starts no hub.
process.exitCode = await runCli(process.argv.slice(2), {
  connectors,
  scopes,
  attach: async (settings, purpose) => (await import('./main/attach.ts')).attach(settings, purpose),
  startHub: async (settings, options) => (await import('./main/hub.ts')).startHub(settings, options),
  migrate: async (settings, plan) => (await import('./main/schema.ts')).migrateSchema(settings, plan),
  sandbox: () => import('./main/sandbox.ts'),
});
