import { InvalidArgumentError, Option } from 'commander';
import { NeedsAttention } from '../../base/errors.ts';
import type { OperatorSettings } from '../../settings/index.ts';
import type { TenantConfiguration } from '../../store/types.ts';
import { applyFile } from '../apply-file.ts';
import { wantedBy } from '../configuration-file.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { type HubRole, hubRoles } from '../deps.ts';
import { stopSignals } from '../stop-signals.ts';
import { count } from '../words.ts';

interface Options extends JsonOption {
  readonly config?: readonly string[];
  readonly role: HubRole;
  readonly port?: number;
}

export function start(program: Command, context: Context): void {
  declare(
    program,
    'start',
    'the hub: reads by schedule, answers booking services; until it is stopped',
    'sluice start',
    'sluice start --config acme.yaml --port 8420',
  )
    .option(
      '--config <file...>',
      "tenants' configuration files to apply first; what would destroy something is refused",
    )
    .addOption(new Option('--role <role>', 'what of the hub runs here').choices(hubRoles).default('all'))
    .option('--port <n>', 'the port to listen on, in place of SLUICE_PORT; 0 for any free one', portNumber)
    .action(async (options: Options) => {
      const signals = stopSignals(context.terminal.env);
      try {
        await runHub(context, options, signals.asked);
      } finally {
        signals.release();
      }
    });
}

export function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a port number from 0 to 65535.');
}

async function runHub(context: Context, options: Options, asked: Promise<void>): Promise<void> {
  const { deps, style, json, say, note } = context;
  const settings = { ...context.settings(), ...(options.port === undefined ? {} : { port: options.port }) };
  // All files are read before anything is started: a wrong one must not leave the others applied.
  const configurations: TenantConfiguration[] = [];
  for (const file of options.config ?? []) configurations.push(await wantedBy(file, context));
  for (const warning of context.settingsWarnings()) note(style.doubt(warning));
  if (configurations.length > 0) await applyAll(context, settings, configurations);
  const hub = await deps.startHub(settings, { role: options.role });
  try {
    if (options.json) json({ url: hub.url, role: options.role, database: hub.database, pid: process.pid });
    else {
      const role = options.role === 'all' ? '' : ` as ${options.role}`;
      // A worker and a scheduler answer nobody: they have no address.
      if (hub.url === '') say(`Sluice runs${role}, rows in ${hub.database}. Ctrl-C stops it.`);
      else {
        say(`Sluice runs at ${style.strong(hub.url)}${role}, rows in ${hub.database}.`);
        say(`API: ${hub.url}/docs  Health: ${hub.url}/health/ready  Ctrl-C stops it.`);
      }
    }
    const why = await Promise.race([asked.then(() => 'asked' as const), hub.stopped.then(() => 'by itself' as const)]);
    if (why === 'by itself')
      throw new NeedsAttention(
        'The hub stopped by itself: it lost its database or its place as the hub; its log says why, start it again.',
      );
    if (!options.json) say('Stopping: the pages under way are finished first; once more stops at once.');
  } finally {
    await hub.stop();
  }
}

async function applyAll(
  context: Context,
  settings: OperatorSettings,
  configurations: readonly TenantConfiguration[],
): Promise<void> {
  const { deps, note } = context;
  const hub = await deps.attach(settings, 'start --config');
  try {
    // Planned for all first, so that one file's refusal leaves no other applied.
    for (const dryRun of [true, false]) {
      for (const next of configurations) {
        const { outcome, plan } = await applyFile(hub.store, next, deps, { dryRun });
        if (dryRun && plan.destructive) {
          const losses = plan.lines.filter(({ destroys }) => destroys).map(({ sentence }) => sentence);
          throw new NeedsAttention(
            `The file of ${next.tenant} ${losses.join('; it ')}: nothing was applied and the hub not started; if that is meant, use \`sluice apply FILE --yes\` first.`,
          );
        }
        if (outcome !== 'applied') continue;
        note(`Applied ${next.tenant}: ${count(plan.lines.length, 'change')}.`);
        for (const name of plan.review)
          note(`${next.tenant}/${name} waits for \`sluice resume ${next.tenant}/${name}\`.`);
      }
    }
  } finally {
    await hub.release();
  }
}
