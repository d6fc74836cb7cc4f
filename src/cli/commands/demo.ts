import { InvalidArgumentError } from 'commander';
import type { Receipt } from '../../model/receipt.ts';
import type { HubTenantStore } from '../../store/index.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { callsToTry } from '../demo-calls.ts';
import { changeSentence } from '../demo-changes.ts';
import { CONNECTIONS, type DemoFile, DIRECTORY, MICROSOFT_365, openDemoFile, TENANT } from '../demo-state.ts';
import {
  demoSettings,
  ensureKeys,
  ensureTenant,
  type LogOns,
  logEverybodyOn,
  runOnce,
  type Systems,
  startSystems,
} from '../demo-steps.ts';
import { follow } from '../demo-watch.ts';
import type { RunningHub, SandboxDeps } from '../deps.ts';
import { receiptSentences } from '../receipt.ts';
import { showWords } from '../receipt-view.ts';
import { stopSignals } from '../stop-signals.ts';
import { count } from '../words.ts';
import { portNumber } from './start.ts';

interface Options extends JsonOption {
  readonly seed?: number;
  readonly quiet?: true;
  readonly port?: number;
}

const CHANGE_EVERY_MS = 15_000;

export function demo(program: Command, context: Context): void {
  declare(
    program,
    'demo',
    'the hub with a sandbox tenant, whose directory and calendars are live; what `npm start` runs',
    'sluice demo',
    'sluice demo --seed 7 --quiet',
  )
    .option('--seed <n>', 'another company; the same number makes the same one', wholeSeed)
    .option('--quiet', 'directory and calendars do not change by themselves')
    .option('--port <n>', 'the port to listen on, in place of SLUICE_PORT', portNumber)
    .action(async (options: Options) => {
      const signals = stopSignals(context.terminal.env);
      try {
        await runDemo(context, options, signals.asked);
      } finally {
        signals.release();
      }
    });
}

function wholeSeed(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 0 to 999999999.');
}

async function runDemo(context: Context, options: Options, asked: Promise<void>): Promise<void> {
  const { deps, terminal, note, style, say } = context;
  const given = { ...context.settings(), ...(options.port === undefined ? {} : { port: options.port }) };
  if (given.databaseUrl)
    note(style.doubt(`DATABASE_URL is set and not used: the demo keeps its rows in ${given.data}, apart from yours.`));
  const file = await openDemoFile(given.data, options.seed);
  const sandbox = await deps.sandbox();
  const systems = await startSystems(sandbox, file);
  try {
    if (!options.json)
      say(style.faint('Starting the hub, its PostgreSQL, and a directory and a Microsoft 365 to read …'));
    const hub = await deps.startHub(demoSettings(given, systems, terminal.env.SLUICE_LOG), { role: 'all' });
    try {
      const tenant = await ensureTenant(deps, hub, file, systems);
      await ensureKeys(deps, tenant, file);
      const shown = {
        file,
        hub,
        systems,
        quiet: options.quiet === true,
        ...(await firstRuns(sandbox, file, hub, tenant)),
      };
      if (options.json) context.json(summary(shown));
      else show(context, shown);
      const over = new AbortController();
      const tell = options.json ? () => {} : (line: string) => say(style.faint(line));
      if (!options.quiet)
        void sandbox.keepChanging(sandbox.inTurns(systems.directory, systems.microsoft365), {
          everyMs: CHANGE_EVERY_MS,
          signal: over.signal,
          tell: (change) => tell(`${clock()}  ${changeSentence(change)}`),
        });
      const following = follow(tenant, shown.receipts.m365.run, { signal: over.signal, tell });
      await Promise.race([asked, hub.stopped]);
      over.abort();
      await following;
      if (!options.json) say('\nStopping …');
    } finally {
      await hub.stop();
    }
  } finally {
    await systems.stop();
  }
  if (!options.json) say('Stopped. The data stays; `npm start` goes on with it.');
}

interface FirstRuns {
  readonly logOns: LogOns;
  readonly receipts: Readonly<Record<(typeof CONNECTIONS)[number], Receipt>>;
}

/**
 * The first time people log on before the runs, as they would. Later the directory is read first: it began anew with
 * this process, and a user whom it renamed yesterday must be known by today's address before they log on.
 */
async function firstRuns(
  sandbox: SandboxDeps,
  file: DemoFile,
  hub: RunningHub,
  tenant: HubTenantStore,
): Promise<FirstRuns> {
  const people = sandbox.employeesWhoLogOn({ seed: file.state.seed });
  const before = file.found ? await runOnce(hub, tenant, DIRECTORY) : undefined;
  const logOns = await logEverybodyOn(hub.url, file.state.key!.key, people);
  if (!file.found) for (const connection of CONNECTIONS) await tenant.connections.setPaused(connection, false);
  // One after the other: what the second adds to a user is seen to come second.
  const directory = before && logOns.created === 0 ? before : await runOnce(hub, tenant, DIRECTORY);
  return { logOns, receipts: { people: directory, m365: await runOnce(hub, tenant, MICROSOFT_365) } };
}

interface Shown extends FirstRuns {
  readonly file: DemoFile;
  readonly hub: RunningHub;
  readonly systems: Systems;
  readonly quiet: boolean;
}

function summary({ file, hub: { url }, receipts, logOns }: Shown) {
  return {
    url,
    docs: `${url}/docs`,
    tenant: TENANT,
    seed: file.state.seed,
    key: file.state.key!.key,
    admin_key: file.state.adminKey!.key,
    log_ons: { created: logOns.created, known: logOns.known },
    opted_in: logOns.optedIn,
    receipt: receipts.people,
    calendar_receipt: receipts.m365,
  };
}

const clock = () => new Date().toTimeString().slice(0, 8);

function show(context: Context, { file, hub: { url }, systems, receipts, logOns, quiet }: Shown): void {
  const { style, say } = context;
  const users = logOns.created + logOns.known;
  const again =
    logOns.created === 0
      ? 'all known from before'
      : `${logOns.created === users ? 'all' : count(logOns.created, 'person', 'people')} for the first time`;
  say();
  say(`${count(users, 'employee')} logged on to the booking platform, ${again}; ${logOns.optedIn.length} opted in to`);
  say('hybrid meetings. Then the hub read two systems:');
  const receipt = (connection: (typeof CONNECTIONS)[number], what: string) => {
    say();
    say(style.strong(`${TENANT}/${connection}`) + style.faint(`  ${what}`));
    showWords(context, receiptSentences(receipts[connection], { users }));
  };
  receipt(DIRECTORY, `a live LDAP directory at ${systems.directory.url}, seed ${file.state.seed}`);
  receipt(MICROSOFT_365, `a live Microsoft 365 at ${systems.microsoft365.url}: the same people, rooms, calendars`);
  say();
  const line = (what: string, where: string, more = '') =>
    say(`  ${what.padEnd(9)} ${style.strong(where)}${more === '' ? '' : style.faint(`  ${more}`)}`);
  say(style.strong('Where to look next'));
  line('API', url);
  line('Docs', `${url}/docs`);
  line('Key', file.state.key!.key);
  line('Admin key', file.state.adminKey!.key, 'for /admin/v1');
  line('Terminal', 'npx sluice runs acme', 'also: preview acme/m365, check acme/m365, user show acme EMAIL');
  say();
  say(style.strong('Try it'));
  for (const call of callsToTry(url, file.state.key!.key, new Date(), logOns.optedIn[0])) say(`  ${call}`);
  say();
  const reads = 'The hub reads both again every minute';
  say(
    quiet
      ? `${reads}; with --quiet nothing changes there.`
      : `${reads}; something small changes there every ${CHANGE_EVERY_MS / 1000} s.`,
  );
  say('Ctrl-C stops it; the data stays. Evaluation only: the keys lie beside the data.');
  say();
}
