import type { StreamName } from '../model/model.ts';
import type { Receipt } from '../model/receipt.ts';
import type { Health } from '../store/types.ts';
import { plainLine, utcMinute } from './words.ts';

/** What the end of a run can tell of a connection. */
export type ChangeKind = 'held' | 'failing' | 'recovered';
/**
 * A notice tells tenant IT that the state of a connection changed, or that something it signs in with ends soon. It
 * holds names of connections and settings, ids, days and numbers.
 */
export type NoticeKind = ChangeKind | 'expiring';

export interface Notice {
  readonly kind: NoticeKind;
  readonly tenant: string;
  readonly connection: string;
  /** The run that changed the state; absent where none did. */
  readonly run?: string;
  /** Of `expiring`: what ends, and when. */
  readonly expires?: Expires;
  /** When the state changed: ISO 8601 UTC. */
  readonly at: string;
  /** What happened and what to do, in one sentence; nothing from a record. */
  readonly sentence: string;
}

export interface Expires {
  readonly setting: string;
  /** ISO 8601 UTC. */
  readonly at: string;
  /** The threshold that was passed, in days: 30, 7 or 1; 0: it has ended. */
  readonly days_left: number;
}

/** What the end of a run tells; the receipt names tenant, connection and run. */
export interface StateChange {
  readonly kind: ChangeKind;
  readonly was: Health;
  readonly now: Health;
  readonly receipt: Receipt;
  readonly at: Date;
  /** For `recovered`: since when the connection had been failing, if it had. */
  readonly since?: Date | undefined;
}

/**
 * What is told when a run leaves a connection in another state. A connection that keeps failing is told of once, and
 * once more when it is no longer tried. What a person decided (`approve`, `reject`) is not told: that person knows.
 */
const TOLD: Readonly<Record<Health, Partial<Readonly<Record<Health, ChangeKind>>>>> = {
  never: { held: 'held', failing: 'failing', quarantined: 'failing', stopped: 'failing' },
  ok: { held: 'held', failing: 'failing', quarantined: 'failing', stopped: 'failing' },
  held: { ok: 'recovered', failing: 'failing', quarantined: 'failing', stopped: 'failing' },
  failing: { ok: 'recovered', held: 'held', stopped: 'failing' },
  quarantined: { ok: 'recovered', held: 'held', stopped: 'failing' },
  stopped: { ok: 'recovered', held: 'held' },
};

/** The notice due when a connection's health goes from one to the other; `undefined`: nothing to tell. */
export function noticeOf(before: Health, after: Health): ChangeKind | undefined {
  return TOLD[before][after];
}

export function noticeFor(change: StateChange): Notice {
  const { receipt } = change;
  const [tenant = '', connection = ''] = receipt.connection.split('/');
  return {
    kind: change.kind,
    tenant,
    connection,
    run: receipt.run,
    at: change.at.toISOString(),
    sentence: plainLine(sentenceFor(change)),
  };
}

/** Names the event for good: every attempt and every receiver sees the same id, so that doubles are recognised. */
export function noticeId({ kind, tenant, connection, run, expires }: Notice): string {
  if (!expires) return `notice_${run}_${kind}`;
  const end = expires.at.replace(/\D/g, '');
  return `notice_${tenant}_${connection}_${expires.setting}_${end}_${expires.days_left}`;
}

function sentenceFor({ kind, was, now, receipt, since }: StateChange): string {
  const name = receipt.connection;
  switch (kind) {
    case 'held':
      return `${name} would remove more than its limit allows (${heldNumbers(receipt)}), so the removals wait for a person while additions and changes go on; look at run ${receipt.run}, then approve or reject it.`;
    case 'failing': {
      const why = receipt.error ?? 'its receipt says why.';
      if (waiting(receipt).length > 0)
        return `A run of ${name} failed, and removals beyond its limit (${heldNumbers(receipt)}) wait for a person besides; look at run ${receipt.run}, then approve or reject it, and mend this: ${why}`;
      return now === 'stopped'
        ? `${name} has failed so often that it is no longer tried, and nothing was taken away; once this is mended, resume it: ${why}`
        : `A run of ${name} failed and took nothing away: ${why}`;
    }
    case 'recovered':
      return was === 'held'
        ? `${name} is well again because a newer run succeeded; no removals wait any more and nothing is left to do.`
        : `${name} is well again${since ? ` after failing since ${utcMinute(since)}` : ''}; nothing is left to do.`;
  }
}

function waiting({ streams }: Receipt): [StreamName, { held: number }][] {
  const counts = Object.entries(streams) as [StreamName, { held: number }][];
  return counts.filter(([, { held }]) => held > 0);
}

function heldNumbers(receipt: Receipt): string {
  const counts = waiting(receipt);
  return counts.map(([stream, { held }]) => `${stream}: ${held}`).join(', ') || 'its receipt has the numbers';
}
