import type { Command, Context } from '../context.ts';
import { apply } from './apply.ts';
import { cancel } from './cancel.ts';
import { check } from './check.ts';
import { config } from './config.ts';
import { connection } from './connection.ts';
import { connectors } from './connectors.ts';
import { approve, reject } from './decide.ts';
import { demo } from './demo.ts';
import { key } from './key.ts';
import { logon } from './logon.ts';
import { migrate } from './migrate.ts';
import { pause, resume } from './pause.ts';
import { preview } from './preview.ts';
import { run } from './run.ts';
import { runs } from './runs.ts';
import { settings } from './settings.ts';
import { start } from './start.ts';
import { sync } from './sync.ts';
import { user } from './user.ts';
import { validate } from './validate.ts';

/** In the order in which the help shows them. */
export const commands: readonly ((program: Command, context: Context) => void)[] = [
  start,
  demo,
  migrate,
  settings,
  connectors,
  validate,
  apply,
  config,
  connection,
  check,
  preview,
  pause,
  resume,
  sync,
  cancel,
  runs,
  run,
  approve,
  reject,
  logon,
  key,
  user,
];
