import { InvalidArgumentError } from 'commander';
import type { Receipt } from '../../model/receipt.ts';
import type { HubTenantStore } from '../../store/index.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { CONNECTION, type DemoFile, openDemoFile, TENANT } from '../demo-state.ts';
import {
  demoSettings,
  ensureKeys,
  ensureTenant,
  type LogOns,
  logEverybodyOn,
  runOnce,
  startDirectory,
} from '../demo-steps.ts';
import { follow } from '../demo-watch.ts';
import type { SandboxDeps } from '../deps.ts';
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

const CHANGE_EVERY_MS = 20_000;

export function demo(program: Command, context: Context): void {
  declare(
    program,
    'demo',
    'the hub with a sandbox tenant, whose directory is live; what `npm start` runs',
    'sluice demo',
    'sluice demo --seed 7 --quiet',
  )
    .option('--seed <n>', 'another company; the same number makes the same one', wholeSeed)
    .option('--quiet', 'the directory does not change by itself')
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
  const directory = await startDirectory(sandbox, file);
  try {
    if (!options.json) say(style.faint('Starting the hub, its PostgreSQL and a directory to read …'));
    const hub = await deps.startHub(demoSettings(given, directory.url, terminal.env.SLUICE_LOG), { role: 'all' });
    try {
      const tenant = await ensureTenant(deps, hub, file, directory.url);
      await ensureKeys(deps, tenant, file);
      const { receipt, logOns } = await firstRun(sandbox, file, hub, tenant);
      if (options.json) context.json(summary(file, hub.url, receipt, logOns));
      else
        show(context, { file, url: hub.url, directory: directory.url, receipt, logOns, quiet: options.quiet === true });
      const over = new AbortController();
      const tell = options.json ? () => {} : (line: string) => say(style.faint(line));
      if (!options.quiet)
        void sandbox.keepChanging(directory, {
          everyMs: CHANGE_EVERY_MS,
          signal: over.signal,
          tell: changeTeller(tell),
        });
      const following = follow(tenant, CONNECTION, receipt.run, { signal: over.signal, tell });
      await Promise.race([asked, hub.stopped]);
      over.abort();
      await following;
      if (!options.json) say('\nStopping …');
    } finally {
      await hub.stop();
    }
  } finally {
    await directory.stop();
  }
  if (!options.json) say('Stopped. The data stays; `npm start` goes on with it.');
}

/**
 * The first time people log on before the run, as they would. Later the directory is read first: it began anew with
 * this process, and a user whom it renamed yesterday must be known by today's address before they log on.
 */
async function firstRun(
  sandbox: SandboxDeps,
  file: DemoFile,
  hub: Parameters<typeof runOnce>[0],
  tenant: HubTenantStore,
): Promise<{ receipt: Receipt; logOns: LogOns }> {
  const people = sandbox.employeesWhoLogOn({ seed: file.state.seed });
  const logOn = () => logEverybodyOn(hub.url, file.state.key!.key, people);
  if (file.found) {
    await runOnce(hub, tenant);
    const logOns = await logOn();
    return { logOns, receipt: await runOnce(hub, tenant) };
  }
  const logOns = await logOn();
  await tenant.connections.setPaused(CONNECTION, false);
  return { logOns, receipt: await runOnce(hub, tenant) };
}

function summary(file: DemoFile, url: string, receipt: Receipt, logOns: LogOns) {
  return {
    url,
    docs: `${url}/docs`,
    tenant: TENANT,
    seed: file.state.seed,
    key: file.state.key!.key,
    admin_key: file.state.adminKey!.key,
    log_ons: logOns,
    receipt,
  };
}

const whatHappened: Readonly<Record<string, string>> = {
  hire: 'somebody was hired',
  leave: 'somebody left, and the account was disabled',
  promotion: 'somebody was promoted',
  rename: 'somebody has a new name and address',
  move: 'somebody moved to another department',
  phone: 'somebody got another phone number',
};

const clock = () => new Date().toTimeString().slice(0, 8);

function changeTeller(tell: (line: string) => void) {
  return ({ kind, ofUser }: { kind: string; ofUser: boolean }) =>
    tell(
      `${clock()}  In the directory ${whatHappened[kind] ?? 'something changed'} (${ofUser ? 'a user' : 'not a user'}).`,
    );
}

interface Shown {
  readonly file: DemoFile;
  readonly url: string;
  readonly directory: string;
  readonly receipt: Receipt;
  readonly logOns: LogOns;
  readonly quiet: boolean;
}

function show(context: Context, { file, url, directory, receipt, logOns, quiet }: Shown): void {
  const { style, say } = context;
  const users = logOns.created + logOns.known;
  const again =
    logOns.created === 0
      ? 'all known from before'
      : `${logOns.created === users ? 'all' : count(logOns.created, 'person', 'people')} for the first time`;
  say();
  say(
    style.strong(`${TENANT}/${CONNECTION}`) +
      style.faint(`  a live LDAP directory at ${directory}, seed ${file.state.seed}`),
  );
  say(`${count(users, 'employee')} logged on to the booking platform, ${again}. Then the hub read the directory:`);
  say();
  showWords(context, receiptSentences(receipt, { users }));
  say();
  const line = (what: string, where: string, more = '') =>
    say(`  ${what.padEnd(9)} ${style.strong(where)}${more === '' ? '' : style.faint(`  ${more}`)}`);
  say(style.strong('Where to look next'));
  line('API', url);
  line('Docs', `${url}/docs`);
  line('Key', file.state.key!.key);
  line('Admin key', file.state.adminKey!.key, 'for /admin/v1');
  line('Terminal', 'npx sluice runs acme', 'also: preview acme/people, user show acme EMAIL');
  say();
  say(style.strong('Try it'));
  say(`  KEY=${file.state.key!.key}`);
  const curl = `curl -s -H "Authorization: Bearer $KEY"`;
  say(`  ${curl} '${url}/v1/users?limit=3'`);
  say(`  ${curl} '${url}/v1/changes?include=entities&limit=3'`);
  say(`  ${curl} '${url}/v1/sources'`);
  say();
  const reads = 'The hub reads the directory again every minute';
  say(
    quiet
      ? `${reads}; with --quiet nothing changes there.`
      : `${reads}; something small changes there every ${CHANGE_EVERY_MS / 1000} s.`,
  );
  say('Ctrl-C stops it; the data stays. Evaluation only: the keys lie beside the data.');
  say();
}
