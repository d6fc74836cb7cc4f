import type { Connector, Theirs } from '../contract/connector.ts';
import { streamOf } from '../contract/connector.ts';
import type { Feature } from '../model/features.ts';
import { type FieldDeclaration, type StreamName, streams } from '../model/model.ts';
import type { Role } from '../sync/types.ts';

/** One field of a source as its connector declares it: in which roles it is read, and why. */
export interface FieldUse {
  readonly field: string;
  readonly roles: readonly Role[];
  /** Our names, where it is kept. */
  readonly ours: readonly string[];
  readonly why: readonly string[];
  /** Kept only while one of these is on. */
  readonly features: readonly Feature[];
}

const listed = (theirs: Theirs): readonly string[] => (typeof theirs === 'string' ? [theirs] : theirs);

/** What a connector reads, per stream and field: the works council's table. */
export function fieldUses(connector: Connector): readonly (readonly [StreamName, readonly FieldUse[]])[] {
  return (Object.keys(connector.streams) as StreamName[]).map((name) => [name, usesOf(connector, name)] as const);
}

interface Gathered {
  readonly roles: Set<Role>;
  readonly ours: Set<string>;
  readonly why: Set<string>;
  readonly features: Set<Feature>;
}

function usesOf(connector: Connector, name: StreamName): readonly FieldUse[] {
  const stream = streamOf(connector, name);
  if (!stream) return [];
  const uses = new Map<string, Gathered>();
  const use = (theirs: Theirs, role: Role, why: string) =>
    listed(theirs).map((field) => {
      const there = uses.get(field) ?? { roles: new Set(), ours: new Set(), why: new Set(), features: new Set() };
      uses.set(field, there);
      there.roles.add(role);
      there.why.add(why);
      return there;
    });
  use(stream.key, 'key', 'Names the record for good.');
  for (const [kind, theirs] of Object.entries(stream.match ?? {}))
    use(theirs as Theirs, 'match', `Recognises a user by ${kind.replace('-', ' ')}; kept sealed, and of users only.`);
  if (stream.elsewhere)
    use(
      stream.elsewhere.theirs,
      'match',
      `Recognises a user by their id in another directory; only with the setting ${stream.elsewhere.setting}, kept sealed, and of users only.`,
    );
  for (const [field, why] of Object.entries(stream.decide ?? {})) use(field, 'decide', why);
  const declared: Readonly<Record<string, FieldDeclaration>> = streams[name].fields;
  for (const [ours, theirs] of Object.entries(stream.keep as Record<string, Theirs>)) {
    const declaration = declared[ours];
    if (!declaration) continue;
    for (const one of use(theirs, 'keep', declaration.purpose)) {
      one.ours.add(ours);
      if (declaration.feature) one.features.add(declaration.feature);
    }
  }
  return [...uses].map(([field, { roles, ours, why, features }]) => ({
    field,
    roles: [...roles],
    ours: [...ours],
    why: [...why],
    features: [...features],
  }));
}
