import {
  type CheckContext,
  type CheckFinding,
  type CheckReport,
  type CheckStep,
  NeedsAttention,
  TryLater,
} from '../../src/contract/index.ts';
import { type Message, Unreadable } from './ber.ts';
import { type LdapClient, placeOf } from './client.ts';
import { and, or, present, type Search } from './codec.ts';
import { attributeNames } from './entry.ts';
import { pages } from './paging.ts';
import { searchFor } from './read.ts';
import { codes } from './results.ts';
import { eachEntry, type Session, type SignInStep, withSession } from './session.ts';
import { endpointOf, type settings as shape } from './settings.ts';

/** Entries counted at most; who has more learns that there are at least so many. */
const countedAtMost = 10_000;
const whoAmI = '1.3.6.1.4.1.4203.1.11.3';

/**
 * Tries everything a run would, in order, and says what it reached, as whom, how many entries it sees, and what it
 * may read too little or too much of. Names of attributes travel (`typesOnly`), values never.
 */
export async function checkDirectory(context: CheckContext<typeof shape>): Promise<CheckReport> {
  const findings: CheckFinding[] = [];
  let step: SignInStep = 'settings';
  const { signal } = context;
  try {
    const found = withSession(
      context,
      (session) => examine(session, context),
      (next) => {
        findings.push(...passedStep(step, context.settings.url));
        step = next;
      },
    );
    for await (const finding of found) findings.push(finding);
  } catch (error) {
    if (signal.aborted || !(error instanceof NeedsAttention || error instanceof TryLater)) throw error;
    findings.push(failed(step, error));
  }
  return { findings };
}

function passedStep(step: SignInStep, url: string): CheckFinding[] {
  if (step === 'settings' || step === 'root') return [];
  const endpoint = endpointOf(url);
  const at = placeOf(endpoint);
  if (step === 'connection')
    return [
      { step: 'name', outcome: 'ok', sentence: `${endpoint.host} is known.` },
      { step: 'connection', outcome: 'ok', sentence: `${at} answers.` },
    ];
  if (step === 'tls')
    return [{ step: 'tls', outcome: 'ok', sentence: `${at} shows a valid certificate for its name.` }];
  return [];
}

/** Which of our steps a failure belongs to, as tenant IT counts them. */
const stepNames: Record<SignInStep, CheckStep> = {
  settings: 'connection',
  connection: 'connection',
  tls: 'tls',
  'sign-in': 'sign-in',
  root: 'permission',
};

function failed(step: SignInStep, error: Error): CheckFinding {
  const { message } = error;
  const hint = 'If that goes on, check that this port speaks TLS (636), or use ldap:// with `start_tls` on.';
  const sentence = step === 'tls' && error instanceof TryLater ? `${message} ${hint}` : message;
  // The net tells a name that nobody knows from a machine that does not answer only by its sentence.
  const unknownName = step === 'connection' && message.includes('name server');
  return { step: unknownName ? 'name' : stepNames[step], outcome: 'failed', sentence };
}

async function* examine(session: Session, context: CheckContext<typeof shape>): AsyncGenerator<CheckFinding> {
  const { vendor, place } = session;
  yield {
    step: 'sign-in',
    outcome: 'ok',
    sentence: `${place.at} is ${vendor.name}; signed in as ${await identity(session, context)}.`,
  };
  const seen = await count(session, context);
  const howMany = `${seen.more ? 'at least ' : ''}${seen.entries} ${seen.entries === 1 ? 'entry' : 'entries'}`;
  if (seen.entries === 0) {
    yield {
      step: 'records',
      outcome: 'too-little',
      sentence: `The account sees no entry under \`base_dn\` that fits \`filter\`: ${vendor.readFix}, or correct the two settings.`,
    };
    return;
  }
  yield* tooLittle(session, seen);
  yield* tooMuch(session, context);
  yield {
    step: 'records',
    outcome: 'ok',
    sentence: `The account sees ${howMany} under \`base_dn\` that fit the filter.`,
  };
}

/** As whom the server sees us (RFC 4532), or else as whom we signed in. */
async function identity(session: Session, context: CheckContext<typeof shape>): Promise<string> {
  if (!session.root.supportedExtension.includes(whoAmI)) return context.settings.bind_dn;
  const { code, responseValue } = await session.client.extended(whoAmI);
  if (code !== codes.success) return context.settings.bind_dn;
  if (!responseValue)
    throw new NeedsAttention(
      `${session.place.at} accepted the sign-in but takes us for nobody: give an account of its own in \`bind_dn\`.`,
    );
  return responseValue.replace(/^(dn|u):/, '');
}

interface Seen {
  readonly entries: number;
  /** There are more than were counted. */
  readonly more: boolean;
  /** How many entries showed each of the attributes that no reading can do without. */
  readonly showing: ReadonlyMap<string, number>;
}

async function count(session: Session, context: CheckContext<typeof shape>): Promise<Seen> {
  const { vendor, client } = session;
  const showing = new Map([vendor.key, 'mail', ...(vendor.account ? [vendor.account] : [])].map((name) => [name, 0]));
  const spelling = new Map([...showing.keys()].map((name) => [name.toLowerCase(), name]));
  const search = { ...searchFor(session, context), attributes: [...showing.keys()], typesOnly: true };
  let entries = 0;
  for await (const piece of pages(session, search, context.settings.page_size)) {
    if ('endOfPage' in piece) {
      if (entries >= countedAtMost) return { entries, more: true, showing };
      continue;
    }
    entries += piece.entries.length;
    for (const message of piece.entries)
      for (const name of namesIn(client, message)) {
        const known = spelling.get(name.toLowerCase());
        if (known) showing.set(known, showing.get(known)! + 1);
      }
  }
  return { entries, more: false, showing };
}

function namesIn(client: LdapClient, message: Message): string[] {
  try {
    return [...attributeNames(message)];
  } catch (error) {
    throw error instanceof Unreadable ? client.unreadable() : error;
  }
}

/** What a reading cannot do without. A single entry may lack it; all of them only if the account may not see it. */
function* tooLittle({ vendor }: Session, { showing, entries }: Seen): Generator<CheckFinding> {
  const hidden = [...showing].filter(([, count]) => count === 0).map(([name]) => name);
  if (hidden.length > 0)
    yield {
      step: 'permission',
      outcome: 'too-little',
      sentence: `The account sees ${hidden.join(' and ')} of no entry: ${vendor.readFix}.`,
    };
  else
    yield {
      step: 'permission',
      outcome: 'ok',
      sentence: `The account sees what tells people apart; ${showing.get('mail')} of ${entries} counted have an e-mail address.`,
    };
}

/** Asks whether anyone shows what the account has no business with: one entry, names only. */
async function* tooMuch(session: Session, context: CheckContext<typeof shape>): AsyncGenerator<CheckFinding> {
  const { vendor } = session;
  for (const [attributes, outcome, why] of [
    [vendor.secrets, 'too-much', 'passwords or their keys'],
    [vendor.private, vendor.privateReadable, 'private matters'],
  ] as const) {
    const visible = await visibleOf(session, context, attributes);
    if (visible.length === 0) continue;
    const whose = outcome === 'note' ? `, as ${vendor.name} lets every account by itself` : '';
    yield {
      step: 'permission',
      outcome,
      sentence: `The account can read ${why} (${visible.join(', ')})${whose}; Sluice never asks for them, so take that right away from it.`,
    };
  }
}

async function visibleOf(
  session: Session,
  context: CheckContext<typeof shape>,
  attributes: readonly string[],
): Promise<string[]> {
  const { client } = session;
  const asked = new Map(attributes.map((name) => [name.toLowerCase(), name]));
  const visible = new Set<string>();
  const people = searchFor(session, context);
  const search: Search = {
    ...people,
    filter: and([people.filter, or(attributes.map(present))]),
    attributes,
    typesOnly: true,
    sizeLimit: 1,
    timeLimitS: 5,
  };
  // Any result will do: a size limit says that there are more such entries, a time limit that there may be one.
  await eachEntry(client, search, (message) => {
    for (const name of attributeNames(message)) {
      const spelt = asked.get(name.toLowerCase());
      if (spelt) visible.add(spelt);
    }
  });
  return [...visible].sort();
}
