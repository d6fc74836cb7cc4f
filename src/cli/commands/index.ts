import type { Command, Context } from '../context.ts';

type Declare = (program: Command, context: Context) => void;

/**
 * By name, in the order in which the help shows them. Each is loaded when it is wanted: a command line wants one, and all of
 * them would be a tenth of the time that it takes to start.
 */
export const commands: Readonly<Record<string, () => Promise<Declare>>> = {
  start: async () => (await import('./start.ts')).start,
  demo: async () => (await import('./demo.ts')).demo,
  migrate: async () => (await import('./migrate.ts')).migrate,
  settings: async () => (await import('./settings.ts')).settings,
  connectors: async () => (await import('./connectors.ts')).connectors,
  validate: async () => (await import('./validate.ts')).validate,
  apply: async () => (await import('./apply.ts')).apply,
  config: async () => (await import('./config.ts')).config,
  connection: async () => (await import('./connection.ts')).connection,
  check: async () => (await import('./check.ts')).check,
  preview: async () => (await import('./preview.ts')).preview,
  pause: async () => (await import('./pause.ts')).pause,
  resume: async () => (await import('./pause.ts')).resume,
  sync: async () => (await import('./sync.ts')).sync,
  cancel: async () => (await import('./cancel.ts')).cancel,
  runs: async () => (await import('./runs.ts')).runs,
  run: async () => (await import('./run.ts')).run,
  approve: async () => (await import('./decide.ts')).approve,
  reject: async () => (await import('./decide.ts')).reject,
  logon: async () => (await import('./logon.ts')).logon,
  key: async () => (await import('./key.ts')).key,
  user: async () => (await import('./user.ts')).user,
};
