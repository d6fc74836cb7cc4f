import type { Connector, ConnectorStream, Theirs } from '../contract/connector.ts';
import { streamOf } from '../contract/connector.ts';
import type { SourceRecord, SourceValue } from '../contract/record.ts';
import { type Scope, scopeFields } from '../contract/scope.ts';
import type { Feature } from '../model/features.ts';
import {
  type FieldDeclaration,
  type MatchKind,
  type StreamDeclaration,
  type StreamName,
  streams,
} from '../model/model.ts';
import { compileScope, type ScopeTest } from './scope.ts';

export interface KeptField {
  readonly ours: string;
  readonly theirs: readonly string[];
  readonly declaration: FieldDeclaration;
}

/** A field that names a person. */
export interface MatchField {
  readonly kind: MatchKind;
  readonly theirs: readonly string[];
  /** DIRECTORY of its values, where they are directory-ids. */
  readonly directory: string;
  /** Whether they name a person of another directory than the connection's own. */
  readonly elsewhere: boolean;
}

/** How one stream of one connection is judged, compiled once per run. */
export interface StreamPlan {
  readonly stream: StreamName;
  readonly declaration: StreamDeclaration;
  readonly key: readonly string[];
  readonly match: readonly MatchField[];
  /** Kept fields whose feature is on, and those whose feature is off (known, and dropped). */
  readonly keep: readonly KeptField[];
  readonly off: readonly KeptField[];
  readonly inScope: ScopeTest;
  /** All that may be asked of the source and looked at here. */
  readonly asked: readonly string[];
  readonly declared: ReadonlySet<string>;
  /** Of these, what decides whether a record is kept: of a stranger's nothing else is looked at. */
  readonly deciding: ReadonlySet<string>;
  /** Undeclared names that the vendor documents, and that may therefore be counted by name. */
  readonly knownFields: ReadonlySet<string>;
  /** DIRECTORY of this connection's directory-ids. */
  readonly directory: string;
  /** DIRECTORY of the other directory whose ids its records carry, if the settings name one. */
  readonly elsewhere: string | undefined;
  /** Whether the stream's own feature is on. */
  readonly featureOn: boolean;
}

export interface PlanInput {
  readonly connector: Connector;
  readonly stream: StreamName;
  readonly directory: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly scope?: Scope | undefined;
  readonly fields?: Readonly<Record<string, string>> | undefined;
  readonly features: ReadonlySet<Feature>;
}

const listed = (theirs: Theirs): readonly string[] => (typeof theirs === 'string' ? [theirs] : theirs);

export function planStream(input: PlanInput): StreamPlan {
  const stream = streamOf(input.connector, input.stream);
  if (!stream) throw new Error(`Connector ${input.connector.name} has no stream ${input.stream}.`);
  const declaration: StreamDeclaration = streams[input.stream];
  const kept = keptFields(stream, declaration, input.fields ?? {});
  const isOn = (field: KeptField) => !field.declaration.feature || input.features.has(field.declaration.feature);
  const keep = kept.filter(isOn);
  const key = listed(stream.key);
  const elsewhere = elsewhereOf(stream, input);
  const match = matchFields(stream, input.directory, elsewhere);
  const deciding = new Set([
    ...key,
    ...match.flatMap((one) => one.theirs),
    ...Object.keys(stream.decide ?? {}),
    ...scopeFields(input.scope),
    // Whosever it is, a locker that is assigned is occupied.
    ...keep.flatMap((one) => (one.ours === 'locker' ? one.theirs : [])),
  ]);
  const asked = new Set([...deciding, ...keep.flatMap((one) => one.theirs)]);
  return {
    stream: input.stream,
    declaration,
    key,
    match,
    keep,
    off: kept.filter((field) => !isOn(field)),
    inScope: scopeTest(stream, compileScope(input.scope)),
    asked: [...asked],
    declared: asked,
    deciding,
    knownFields: new Set([...(input.connector.knownFields ?? []), ...kept.flatMap((one) => one.theirs)]),
    directory: input.directory,
    elsewhere,
    featureOn: !declaration.feature || input.features.has(declaration.feature),
  };
}

// A connection that named itself would give its people two ids of one directory, and log-ons by either would conflict.
function elsewhereOf({ elsewhere }: ConnectorStream, { directory, settings }: PlanInput): string | undefined {
  const named = elsewhere && settings?.[elsewhere.setting];
  return typeof named === 'string' && named !== '' && named !== directory ? named : undefined;
}

function matchFields(stream: ConnectorStream, directory: string, elsewhere: string | undefined): MatchField[] {
  const own = Object.entries(stream.match ?? {}).map(
    ([kind, theirs]): MatchField => ({
      kind: kind as MatchKind,
      theirs: listed(theirs as Theirs),
      directory,
      elsewhere: false,
    }),
  );
  if (elsewhere === undefined) return own;
  const theirs = listed(stream.elsewhere!.theirs);
  return [...own, { kind: 'directory-id', theirs, directory: elsewhere, elsewhere: true }];
}

function scopeTest(stream: ConnectorStream, tenants: ScopeTest): ScopeTest {
  const own = stream.inScope;
  if (!own) return tenants;
  const decide = Object.keys(stream.decide ?? {});
  return (record) => own(only(decide, record)) && tenants(record);
}

/** What a connector's own code may decide by: the rest of the record was not declared to be looked at. */
function only(fields: readonly string[], record: SourceRecord): SourceRecord {
  const shown: Record<string, SourceValue | undefined> = Object.create(null);
  for (const field of fields) if (Object.hasOwn(record, field)) shown[field] = record[field];
  return shown;
}

function keptFields(
  stream: ConnectorStream,
  declaration: StreamDeclaration,
  overrides: Readonly<Record<string, string>>,
): KeptField[] {
  const mapping: Record<string, Theirs> = { ...(stream.keep as Record<string, Theirs>), ...overrides };
  return Object.entries(mapping).flatMap(([ours, theirs]) => {
    const field = Object.hasOwn(declaration.fields, ours) ? declaration.fields[ours] : undefined;
    return field ? [{ ours, theirs: listed(theirs), declaration: field }] : [];
  });
}
