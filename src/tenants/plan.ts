import { isDeepStrictEqual } from 'node:util';
import { BadInput } from '../base/errors.ts';
import type { Connector } from '../contract/connector.ts';
import type { SettingsShape } from '../contract/settings.ts';
import { type Feature, featureNames } from '../model/features.ts';
import type { StreamName } from '../model/model.ts';
import type { ConnectionConfiguration, Consequences, TenantConfiguration } from '../store/types.ts';
import { durationText } from './duration.ts';
import { listed } from './problem.ts';
import { completeSettings } from './settings.ts';

export interface PlanLine {
  /** One clause for people: "removes connection people: 4,812 contributions". Never a value of a setting. */
  readonly sentence: string;
  /** Whether it takes something away for good; such a plan wants `--yes`. */
  readonly destroys: boolean;
}

export interface Plan {
  readonly tenant: string;
  readonly creates: boolean;
  /** Empty: the live configuration is what the file says. */
  readonly lines: readonly PlanLine[];
  readonly destructive: boolean;
  /** Connections, by their next name, that are new or read something else than before: they start paused. */
  readonly review: readonly string[];
  readonly renames: readonly { readonly from: string; readonly to: string }[];
}

const number = new Intl.NumberFormat('en-US');
const count = (many: number, noun: string) => `${number.format(many)} ${noun}${many === 1 ? '' : 's'}`;
const says = (sentence: string, destroys = false): PlanLine => ({ sentence, destroys });

/**
 * `was` stays in files long after the renaming: here it is dropped unless it renames something now.
 * @throws BadInput when both names are live, because then neither reading of the file is safe
 */
export function settleRenames(live: TenantConfiguration | undefined, next: TenantConfiguration): TenantConfiguration {
  const exists = (name: string) => live?.connections.some((connection) => connection.name === name) ?? false;
  return {
    ...next,
    connections: next.connections.map(({ was, ...connection }) => {
      if (was === undefined || !exists(was)) return connection;
      if (exists(connection.name)) {
        throw new BadInput(
          `connections.${connection.name}.was names ${was}, but ${connection.name} and ${was} both exist; remove the line was: to keep ${connection.name} and remove ${was}.`,
        );
      }
      return { ...connection, was };
    }),
  };
}

/**
 * What of a connection reads something else than before, in words; empty if nothing does. Another secret, schedule,
 * limit or name is not material: the same things are read from the same place.
 */
export function materialChanges(
  live: ConnectionConfiguration,
  next: ConnectionConfiguration,
  connectors: readonly Connector[],
): string[] {
  if (live.connector !== next.connector) return ['connector'];
  const changed = changedSettings(live, next, connectors).open;
  const streams = new Set([...Object.keys(live.streams), ...Object.keys(next.streams)]) as Set<StreamName>;
  for (const stream of streams) {
    const [before, after] = [live.streams[stream], next.streams[stream]];
    if (!isDeepStrictEqual(before?.scope, after?.scope)) changed.push(`scope of ${stream}`);
    if (!isDeepStrictEqual(before?.fields ?? {}, after?.fields ?? {})) changed.push(`fields of ${stream}`);
  }
  return changed;
}

/** Names of settings whose value differs, secrets and the days of their end apart. */
function changedSettings(
  live: ConnectionConfiguration,
  next: ConnectionConfiguration,
  connectors: readonly Connector[],
) {
  const declared: SettingsShape = connectors.find(({ name }) => name === next.connector)?.settings ?? {};
  // Defaults are filled in on both sides: a setting that a newer version of the connector added is no change.
  const [before, after] = [completeSettings(declared, live.settings), completeSettings(declared, next.settings)];
  const differing = Object.keys(declared).filter((name) => !isDeepStrictEqual(before[name], after[name]));
  return {
    open: differing.filter((name) => !declared[name]?.rotates),
    secret: differing.filter((name) => declared[name]?.rotates),
  };
}

/** The difference between what is live and what is wanted, with numbers. Pure; `next` has its renames settled. */
export function planChange(request: {
  readonly live: TenantConfiguration | undefined;
  readonly next: TenantConfiguration;
  readonly consequences: Consequences;
  readonly connectors: readonly Connector[];
}): Plan {
  const { live, next, consequences, connectors } = request;
  const lines: PlanLine[] = [];
  const review: string[] = [];
  const renames: { from: string; to: string }[] = [];
  if (!live) lines.push(says(`creates tenant ${next.tenant}`));

  for (const gone of (live?.connections ?? []).filter(
    (one) => !next.connections.some((kept) => (kept.was ?? kept.name) === one.name),
  )) {
    lines.push(says(`removes connection ${gone.name}: ${supplies(consequences, gone.name)}`, true));
  }
  for (const connection of next.connections) {
    const before = live?.connections.find(({ name }) => name === (connection.was ?? connection.name));
    if (connection.was !== undefined) {
      renames.push({ from: connection.was, to: connection.name });
      lines.push(says(`renames connection ${connection.was} to ${connection.name}`));
    }
    if (!before) {
      review.push(connection.name);
      lines.push(
        says(`adds connection ${connection.name} (${connection.connector})${connection.paused ? ', kept idle' : ''}`),
      );
      continue;
    }
    const material = materialChanges(before, connection, connectors);
    if (material.length > 0) {
      review.push(connection.name);
      lines.push(says(`changes connection ${connection.name}: ${listed(material, 'and')}`));
    }
    lines.push(...smallChanges(before, connection, connectors));
  }
  if (live) lines.push(...featureChanges(live, next, consequences), ...tenantChanges(live, next));
  else if (next.features.length > 0) lines.push(says(`switches on ${listed(next.features, 'and')}`));
  return {
    tenant: next.tenant,
    creates: !live,
    lines,
    destructive: lines.some((line) => line.destroys),
    review,
    renames,
  };
}

function supplies(consequences: Consequences, name: string): string {
  const rows = Object.hasOwn(consequences.connections, name) ? consequences.connections[name] : undefined;
  if (!rows) return 'nothing it supplied';
  const parts = [
    ...(rows.contributions > 0 ? [count(rows.contributions, 'contribution')] : []),
    ...(rows.lockers > 0 ? [count(rows.lockers, 'locker')] : []),
    ...(rows.assignments > 0 ? [count(rows.assignments, 'locker assignment')] : []),
    ...(rows.spaces > 0 ? [count(rows.spaces, 'space')] : []),
    ...(rows.events > 0 ? [count(rows.events, 'event')] : []),
    ...(rows.user_events > 0 ? [count(rows.user_events, 'busy time')] : []),
  ];
  return parts.length > 0 ? listed(parts, 'and') : 'nothing it supplied';
}

function smallChanges(
  before: ConnectionConfiguration,
  after: ConnectionConfiguration,
  connectors: readonly Connector[],
): PlanLine[] {
  const lines: PlanLine[] = [];
  const of = `connection ${after.name}`;
  const secrets = before.connector === after.connector ? changedSettings(before, after, connectors).secret : [];
  if (secrets.length > 0) lines.push(says(`takes another ${listed(secrets, 'and')} for ${of}`));
  for (const which of ['schedule', 'full'] as const) {
    const [was, is] = [before[which] ?? 'none', after[which] ?? 'none'];
    if (was !== is) lines.push(says(`changes ${which} of ${of} from ${was} to ${is}`));
  }
  if (!before.paused && after.paused) lines.push(says(`pauses ${of}`));
  if (before.paused && !after.paused) lines.push(says(`no longer keeps ${of} idle: it waits for resume`));
  for (const stream of Object.keys({ ...before.streams, ...after.streams }) as StreamName[]) {
    if (!isDeepStrictEqual(before.streams[stream]?.removals, after.streams[stream]?.removals)) {
      lines.push(says(`changes the limits of removals of ${stream} of ${of}`));
    }
  }
  return lines;
}

/** What a feature holds something of, where that is not users. */
const holders: Partial<Record<Feature, string>> = { lockers: 'locker', 'room-booking': 'space' };

function featureChanges(live: TenantConfiguration, next: TenantConfiguration, consequences: Consequences): PlanLine[] {
  return featureNames.flatMap((feature: Feature) => {
    const [was, is] = [live.features.includes(feature), next.features.includes(feature)];
    if (was === is) return [];
    if (is) return [says(`switches on ${feature}`)];
    const losing = count(consequences.features[feature] ?? 0, holders[feature] ?? 'user');
    return [says(`switches off ${feature}: erases what ${losing} had through it`, true)];
  });
}

function tenantChanges(live: TenantConfiguration, next: TenantConfiguration): PlanLine[] {
  const lines: PlanLine[] = [];
  if (live.name !== next.name) lines.push(says('changes the name of the tenant'));
  if (live.time_zone !== next.time_zone)
    lines.push(says(`changes the time zone from ${live.time_zone} to ${next.time_zone}`));
  const [was, is] = [live.users, next.users];
  if (was.admit !== is.admit) lines.push(says(`admits users at ${is.admit}, no longer ${was.admit}`));
  const renamed = was.sources.map((source) => next.connections.find((one) => one.was === source)?.name ?? source);
  if (!isDeepStrictEqual(renamed, [...is.sources])) {
    lines.push(
      says(
        `changes whose word about users counts first: ${is.sources.length > 0 ? is.sources.join(', ') : 'nobody named'}`,
      ),
    );
  }
  if (was.leaver_grace_ms !== is.leaver_grace_ms) {
    const change = `from ${durationText(was.leaver_grace_ms)} to ${durationText(is.leaver_grace_ms)}`;
    // A shorter grace has already ended for some leavers: they are erased with the next purge.
    const shorter = is.leaver_grace_ms < was.leaver_grace_ms;
    const effect = shorter ? ': erases users who left longer ago than that' : '';
    lines.push(says(`changes the grace of leavers ${change}${effect}`, shorter));
  }
  if (!isDeepStrictEqual([...was.domains].sort(), [...is.domains].sort())) {
    lines.push(says(`admits log-ons of ${is.domains.length > 0 ? count(is.domains.length, 'domain') : 'any domain'}`));
  }
  if (!isDeepStrictEqual(live.notify, next.notify)) lines.push(says('changes who is notified'));
  return lines;
}
