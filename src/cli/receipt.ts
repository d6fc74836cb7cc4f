import { type DropReason, type StreamName, streamNames } from '../model/model.ts';
import { type Receipt, type StreamReceipt, waitsForDecision } from '../model/receipt.ts';
import { bytes, capital, count, duration, instant, listed, number } from './words.ts';

/** What one record of a stream is called by those whose data it is. */
const nouns: Readonly<Record<StreamName, readonly [one: string, several: string]>> = {
  users: ['entry', 'entries'],
  lockers: ['locker', 'lockers'],
  locker_assignments: ['locker assignment', 'locker assignments'],
  spaces: ['space', 'spaces'],
  events: ['event', 'events'],
  user_events: ['busy time', 'busy times'],
};

interface Reason {
  /** After a number: `231 not users`. */
  readonly short: readonly [one: string, several: string];
  /** For somebody who has not read our documentation. */
  readonly meaning: string;
}

/** In the order in which they are told. */
export const reasons: Readonly<Record<DropReason, Reason>> = {
  'not-a-user': {
    short: ['not a user', 'not users'],
    meaning: 'not a user: this person has never logged on to the booking platform',
  },
  'out-of-scope': {
    short: ['out of scope', 'out of scope'],
    meaning: 'out of scope: a disabled account, a machine, or whom your own scope leaves out',
  },
  'no-opt-in': {
    short: ['without opt-in', 'without opt-in'],
    meaning: 'no opt-in: the user has not switched this on for themselves',
  },
  'feature-off': {
    short: ['for a feature that is off', 'for a feature that is off'],
    meaning: 'feature off: nothing that is switched on needs it',
  },
  ambiguous: {
    short: ['ambiguous', 'ambiguous'],
    meaning: 'ambiguous: it fits two users, or a user who has another entry; settle it at the source',
  },
  invalid: {
    short: ['unreadable', 'unreadable'],
    meaning: 'unreadable: a value is missing, malformed or too long; mend it at the source',
  },
};

export interface ReceiptOptions {
  /** How many users there are, where the caller knows: `38 of 40 users`. */
  readonly users?: number;
  /** The reason of a failure is told elsewhere, beside the answer. */
  readonly withoutFailure?: boolean;
}

const droppedOf = (stream: StreamReceipt) =>
  (Object.keys(reasons) as DropReason[]).flatMap((reason) => {
    const many = stream.dropped[reason] ?? 0;
    return many > 0 ? [{ reason, many }] : [];
  });

/** `Read 312 entries of acme/people; let in 38 of 40 users (38 new); turned away 274: 231 not users, …` */
export function streamSentence(
  connection: string,
  name: StreamName,
  stream: StreamReceipt,
  { users }: ReceiptOptions = {},
): string {
  const [one, several] = nouns[name];
  const changed = stream.mode === 'incremental' ? 'changed ' : '';
  const read = `Read ${count(stream.read, changed + one, changed + several)} of ${connection}`;
  const among = name === 'users' && users !== undefined ? ` of ${count(users, 'user')}` : '';
  const parts = [`${read}; let in ${number(stream.kept)}${among}${news(stream)}`];
  const dropped = droppedOf(stream);
  const total = dropped.reduce((sum, { many }) => sum + many, 0);
  if (total > 0) {
    const why = dropped.map(({ reason, many }) => `${number(many)} ${reasons[reason].short[many === 1 ? 0 : 1]}`);
    // One reason for all of them needs no second number.
    const only = dropped.length === 1 ? dropped[0]! : undefined;
    const told = only ? reasons[only.reason].short[only.many === 1 ? 0 : 1] : why.join(', ');
    parts.push(`turned away ${number(total)}: ${told}`);
  } else if (stream.read > 0) parts.push('turned away none');
  if (stream.repeated > 0) parts.push(`saw ${number(stream.repeated)} of them more than once`);
  return `${parts.join('; ')}.`;
}

function news({ kept, created, updated, unchanged }: StreamReceipt): string {
  if (kept === 0) return '';
  const parts = [
    ...(created > 0 ? [`${number(created)} new`] : []),
    ...(updated > 0 ? [`${number(updated)} changed`] : []),
    ...(unchanged > 0 ? [`${number(unchanged)} as before`] : []),
  ];
  return parts.length > 0 ? ` (${parts.join(', ')})` : '';
}

/** What became of what is no longer there. */
function removalSentences(stream: StreamReceipt): string[] {
  const { gone, removed, held } = stream;
  const sentences: string[] = [];
  if (removed > 0 && gone > 0)
    sentences.push(
      `Removed ${number(removed)}: the source reported ${number(gone)} gone and no longer has the others.`,
    );
  if (removed > 0 && gone === 0)
    sentences.push(`Removed ${number(removed)} that the source no longer has or no longer lets us see.`);
  if (removed === 0 && gone > 0)
    sentences.push(
      gone === 1
        ? 'The source reported 1 gone; it was not kept here.'
        : `The source reported ${number(gone)} gone; none of them was kept here.`,
    );
  if (held > 0)
    sentences.push(
      `Did not remove ${number(held)} that the source no longer has: so many at once wait for your decision.`,
    );
  return sentences;
}

/** Fields that arrived though nobody asked, by name where the vendor documents it. */
export function fieldsDroppedSentence(dropped: Readonly<Record<string, number>>): string | undefined {
  const named = Object.entries(dropped)
    .filter(([field, many]) => field !== 'other' && many > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([field, many]) => `${field} (${count(many, 'time')})`);
  const other = dropped.other ?? 0;
  const all = [...named, ...(other > 0 ? [`${count(other, 'value')} under other names`] : [])];
  return all.length > 0 ? `Sent without being asked for, and thrown away unread: ${listed(all)}.` : undefined;
}

function statusSentences(receipt: Receipt, { withoutFailure = false }: ReceiptOptions): string[] {
  const { run, error } = receipt;
  const by = receipt.decided_by ? ` by ${receipt.decided_by}` : '';
  const when = receipt.decided_at ? ` at ${instant(receipt.decided_at)}` : '';
  const removedNone = Object.values(receipt.streams).every(({ removed }) => removed === 0);
  const choice = `\`sluice approve ${run}\` removes what is still missing, \`sluice reject ${run}\` keeps it.`;
  // Their status says how they ended, not what became of what they held.
  const decision = [
    ...(receipt.decided_at ? [`What it held was decided on${by}${when}.`] : []),
    ...(waitsForDecision(receipt) ? [`What it held stays until somebody decides: ${choice}`] : []),
  ];
  switch (receipt.status) {
    case 'running':
      return ['It is still running; these are the numbers so far.'];
    case 'failed':
      return [
        ...(withoutFailure ? [] : [`It failed: ${error ?? 'the reason was not recorded.'}`]),
        `${removedNone ? 'Nothing was removed; what' : 'What'} had been let in stays, and the next run starts where this one can.`,
        ...decision,
      ];
    case 'held':
      return [...(error ? [capital(error)] : []), `Everything stays as it is until somebody decides: ${choice}`];
    case 'cancelled':
      return [
        `It was cancelled; ${removedNone ? 'nothing was removed, and ' : ''}what had been let in stays.`,
        ...decision,
      ];
    case 'rejected':
      return [`What it wanted to remove was kept: rejected${by}${when}.`];
    case 'superseded':
      return ['A newer complete run took its place; what it held is no longer asked about.'];
    case 'succeeded':
      return receipt.decided_at ? [`What it held was removed: approved${by}${when}.`] : [];
  }
}

/** In the model's order, people first: a database keeps them in one of its own. */
export const streamsOf = ({ streams }: Receipt): (readonly [StreamName, StreamReceipt])[] =>
  streamNames.flatMap((name) => {
    const stream = streams[name];
    return stream ? [[name, stream] as const] : [];
  });

/** The receipt in words, one sentence an item: for tenant IT and a works council, never with content of a record. */
export function receiptSentences(receipt: Receipt, options: ReceiptOptions = {}): string[] {
  const sentences: string[] = [];
  let turnedAway = 0;
  for (const [name, stream] of streamsOf(receipt)) {
    sentences.push(streamSentence(receipt.connection, name, stream, options), ...removalSentences(stream));
    const fields = fieldsDroppedSentence(stream.fields_dropped ?? {});
    if (fields) sentences.push(fields);
    turnedAway += droppedOf(stream).reduce((sum, { many }) => sum + many, 0);
  }
  if (Object.keys(receipt.streams).length === 0) sentences.push(`Read nothing of ${receipt.connection}.`);
  if (turnedAway > 0) {
    const what =
      turnedAway === 1 ? 'what was turned away: it was counted' : 'what was turned away: it was counted by reason';
    sentences.push(`Nothing is kept of ${what} and forgotten.`);
  }
  return [...sentences, ...statusSentences(receipt, options)];
}

/** `Took 4.2 s, 101 requests, 17.4 MiB.` */
export function effortSentence({ started_at, finished_at, requests, bytes: received }: Receipt): string | undefined {
  if (finished_at === null) return undefined;
  const took = duration(Date.parse(finished_at) - Date.parse(started_at));
  const traffic = requests > 0 ? `, ${count(requests, 'request')}, ${bytes(received)} read` : '';
  return `Took ${took}${traffic}.`;
}
