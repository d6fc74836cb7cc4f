import type { Connector } from '../contract/connector.ts';
import { streamOf } from '../contract/connector.ts';
import { decoded, type SourceRecord } from '../contract/record.ts';
import { countUndeclared, type Decision, gate, gateAbout, type Rules } from '../gate/gate.ts';
import type { StreamPlan } from '../gate/plan.ts';
import type { DropReason, StreamName } from '../model/model.ts';
import type { OptedIn } from '../store/index.ts';
import { normaliseEmail } from '../users/normalise.ts';
import { type ConnectionPlan, contextFor } from './plans.ts';
import type { PreviewField, PreviewRecord, PreviewReport, PreviewRequest, PreviewStream, Role } from './types.ts';

const MOST_RECORDS = 1_000;
const SHOWN = 10;

/** Nobody's id: the person a preview treats as logged on, in memory. */
const PRETENDED = '00000000-0000-0000-0000-0000000000aa';

/** By what and when the source is asked. */
export type Asking = Parameters<typeof contextFor>[2];

/** A dry run: the same reading and the same gate, and nothing is written. Dropped values are never shown. */
export async function previewConnection(
  plan: ConnectionPlan,
  rules: Rules,
  asking: Asking,
  connection: string,
  request: PreviewRequest,
  optedIn: (plan: StreamPlan) => Promise<readonly OptedIn[]>,
): Promise<PreviewReport> {
  const streams: Partial<Record<StreamName, PreviewStream>> = {};
  for (const { plan: judged } of plan.streams) {
    const pretended = withPretended(rules, request.asUser);
    const people = judged.declaration.person === 'opted-in' ? await optedIn(judged) : undefined;
    streams[judged.stream] = await previewStream(plan, judged, pretended, asking, request, people);
  }
  return { connection, streams };
}

function withPretended(rules: Rules, email: string | undefined): Rules {
  const normalised = email === undefined ? undefined : normaliseEmail(email);
  if (!normalised) return rules;
  const pretended = rules.digest('email', normalised);
  return {
    digest: (kind, value) => rules.digest(kind, value),
    bound: (digest) => rules.bound(digest),
    hasBinding: (user) => rules.hasBinding(user),
    matching: (kind, digest) => {
      const found = rules.matching(kind, digest);
      return found.length === 0 && kind === 'email' && digest === pretended ? [PRETENDED] : found;
    },
  };
}

async function previewStream(
  plan: ConnectionPlan,
  judged: StreamPlan,
  rules: Rules,
  asking: Asking,
  request: PreviewRequest,
  people: readonly OptedIn[] | undefined,
): Promise<PreviewStream> {
  const stream = streamOf(plan.connector, judged.stream)!;
  const limit = Math.min(request.limit ?? MOST_RECORDS, 100_000);
  const wanted = request.user ?? request.asUser;
  const isWanted = wantedTest(judged, wanted === undefined ? undefined : normaliseEmail(wanted));
  const dropped: Partial<Record<DropReason, number>> = {};
  const undeclared = new Map<string, number>();
  const shown: PreviewRecord[] = [];
  let read = 0;
  let kept = 0;
  let complete = false;

  const take = (record: SourceRecord, decision: Decision) => {
    read++;
    countUndeclared(judged, record, undeclared);
    if (decision.kept) kept++;
    else dropped[decision.reason] = (dropped[decision.reason] ?? 0) + 1;
    if (shown.length >= SHOWN) return;
    if (wanted !== undefined && !people ? isWanted(record) : decision.kept) {
      shown.push(
        decision.kept ? { outcome: 'kept', fields: decision.fields } : { outcome: decision.reason, fields: {} },
      );
    }
  };

  const context = contextFor(plan, judged, asking);
  // Nobody has opted in: nobody is asked about.
  if (people?.length === 0) complete = true;
  const partitions = people?.length === 0 ? [] : await (stream.partitions?.(context) ?? [{ name: '' }]);
  const asked = people?.map(({ user, ...sought }) => ({ ...sought, ref: user }));
  reading: for (const { name: partition, refused } of partitions) {
    if (refused) continue;
    complete = false;
    const reading = { ...context, partition, mode: 'full', state: null, ...(asked ? { people: asked } : {}) } as const;
    for await (const told of stream.read(reading)) {
      for (const item of decoded(told)) {
        if (item.item === 'records' || item.item === 'whole') {
          const about = asked && item.item === 'whole' ? item.group : undefined;
          for (const record of item.records)
            take(record, asked ? gateAbout(judged, about, record) : gate(judged, rules, record));
        }
        if (item.item === 'partial') take(item.record, gate(judged, rules, item.record, true));
        if (item.item === 'skip') {
          read++;
          dropped.invalid = (dropped.invalid ?? 0) + 1;
        }
      }
      if (told.item === 'complete') {
        complete = true;
        break;
      }
      if (read >= limit) break reading;
    }
  }
  return { read, kept, dropped, complete, fields: fieldsOf(plan.connector, judged, undeclared), records: shown };
}

function wantedTest(plan: StreamPlan, email: string | undefined): (record: SourceRecord) => boolean {
  const names = plan.match.filter(({ kind }) => kind === 'email').flatMap(({ theirs }) => theirs);
  return (record) =>
    email !== undefined &&
    names.some((name) =>
      [record[name] ?? []].flat().some((value) => value !== null && normaliseEmail(String(value)) === email),
    );
}

/** Every field that is asked for or arrived: what happens to it and why. */
function fieldsOf(connector: Connector, plan: StreamPlan, undeclared: ReadonlyMap<string, number>): PreviewField[] {
  const stream = streamOf(connector, plan.stream)!;
  const roles = new Map<string, Set<Role>>();
  const add = (name: string, role: Role) => roles.set(name, (roles.get(name) ?? new Set<Role>()).add(role));
  for (const name of plan.key) add(name, 'key');
  for (const { theirs } of plan.match) for (const name of theirs) add(name, 'match');
  for (const name of plan.asked)
    if (!plan.keep.some((field) => field.theirs.includes(name)) && !roles.has(name)) add(name, 'decide');
  for (const name of Object.keys(stream.decide ?? {})) add(name, 'decide');
  for (const field of plan.keep) for (const name of field.theirs) add(name, 'keep');
  const asked = [...roles].map(([field, has]): PreviewField => {
    const keep = plan.keep.find(({ theirs }) => theirs.includes(field));
    return {
      field,
      roles: [...has],
      ours: keep?.ours ?? null,
      outcome: keep ? 'kept' : 'looked-at',
      why: keep
        ? keep.declaration.purpose
        : (stream.decide?.[field] ??
          (has.has('key') || has.has('match')
            ? 'Recognises the person or thing; of users kept sealed and as a keyed digest, of others not at all.'
            : 'Looked at by this connection’s scope, then forgotten.')),
    };
  });
  const off = plan.off.flatMap(({ ours, theirs, declaration }) =>
    theirs
      .filter((name) => !roles.has(name))
      .map(
        (field): PreviewField => ({
          field,
          roles: ['keep'],
          ours,
          outcome: 'dropped',
          why: `Not asked for: the feature ${declaration.feature} is off.`,
        }),
      ),
  );
  const arrived = [...undeclared.keys()].map(
    (field): PreviewField => ({
      field,
      roles: [],
      ours: null,
      outcome: 'dropped',
      why: 'The source sent it though nobody asked; nothing needs it.',
    }),
  );
  return [...asked, ...off, ...arrived.sort((a, b) => (a.field < b.field ? -1 : 1))];
}
