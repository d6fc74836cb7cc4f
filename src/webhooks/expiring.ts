import type { Expires, Notice } from './notice.ts';
import { plainLine } from './words.ts';

/** Something that a setting of a connection holds and that ends. */
export interface Expiring {
  readonly tenant: string;
  readonly connection: string;
  /** Whose README says how to make a new one. */
  readonly connector: string;
  readonly setting: string;
  readonly expires_at: Date;
}

const HOUR_MS = 3_600_000;
const day = (at: Date) => at.toISOString().slice(0, 10);

/** One sentence: what ends, when, what to do; never anything of the certificate or secret itself. */
export function expirySentence({ tenant, connection, connector, setting, expires_at }: Expiring, now: Date): string {
  const what = `the setting ${setting} of ${tenant}/${connection}`;
  const page = `as the README of ${connector} says`;
  const hours = Math.round((expires_at.getTime() - now.getTime()) / HOUR_MS);
  if (expires_at <= now)
    return `What ${what} holds expired on ${day(expires_at)}: make a new one and enter it, ${page}.`;
  const left = hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
  return `What ${what} holds expires on ${day(expires_at)}, in ${left}: make a new one before that and enter it, ${page}.`;
}

/** @param at when the threshold was seen to be passed */
export function expiryNotice(expiring: Expiring, days_left: Expires['days_left'], at: Date): Notice {
  const { tenant, connection, setting, expires_at } = expiring;
  return {
    kind: 'expiring',
    tenant,
    connection,
    expires: { setting, at: expires_at.toISOString(), days_left },
    at: at.toISOString(),
    sentence: plainLine(expirySentence(expiring, at)),
  };
}
