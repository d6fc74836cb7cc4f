import { nearest } from '../base/nearest.ts';
import type { Connector, ConnectorStream } from '../contract/connector.ts';
import type { Scope } from '../contract/scope.ts';
import type { Feature } from '../model/features.ts';
import { streams as modelStreams, type StreamDeclaration, type StreamName } from '../model/model.ts';
import type { StreamSettings, TenantConfiguration } from '../store/types.ts';
import type { Path } from './problem.ts';

export interface Doubt {
  readonly path: Path;
  readonly of: 'key' | 'value';
  readonly sentence: string;
}

/** What is allowed and probably not meant. */
export function doubts(configuration: TenantConfiguration, connectors: readonly Connector[]): Doubt[] {
  return [...unsupplied(configuration, connectors), ...misspeltFields(configuration, connectors)];
}

/** The features whose fields or streams one connector can fill, with the tenant's own mapping. */
function supplied(connector: Connector, settings: Partial<Readonly<Record<StreamName, StreamSettings>>>): Set<Feature> {
  const found = new Set<Feature>();
  for (const name of Object.keys(connector.streams) as StreamName[]) {
    const declaration: StreamDeclaration = modelStreams[name];
    if (declaration.feature) found.add(declaration.feature);
    const kept = [...Object.keys(connector.streams[name]?.keep ?? {}), ...Object.keys(settings[name]?.fields ?? {})];
    for (const field of kept) {
      const feature = declaration.fields[field]?.feature;
      if (feature) found.add(feature);
    }
  }
  return found;
}

function unsupplied(configuration: TenantConfiguration, connectors: readonly Connector[]): Doubt[] {
  const byHub = new Set(connectors.flatMap((connector) => [...supplied(connector, {})]));
  const byFile = new Set(
    configuration.connections.flatMap((connection) => {
      const connector = connectors.find(({ name }) => name === connection.connector);
      return connector ? [...supplied(connector, connection.streams)] : [];
    }),
  );
  return configuration.features
    .filter((feature) => !byFile.has(feature))
    .map((feature) => ({
      path: ['features', feature],
      of: 'key',
      sentence: byHub.has(feature)
        ? `Nothing supplies ${feature}: none of this file's connections can; add one that does, or switch it off.`
        : `Nothing supplies ${feature} yet: no connector of this version does. It stays on and empty until one does.`,
    }));
}

/** A comparison with a misspelt field is always false: everyone out of scope, or with `not` everyone in it. */
function misspeltFields(configuration: TenantConfiguration, connectors: readonly Connector[]): Doubt[] {
  return configuration.connections.flatMap((connection) => {
    const connector = connectors.find(({ name }) => name === connection.connector);
    if (!connector) return [];
    return Object.entries(connection.streams).flatMap(([stream, settings]) => {
      const path = ['connections', connection.name, 'streams', stream];
      const known = documented(connector, stream as StreamName);
      const doubt = (at: Path, field: string): Doubt[] => {
        const meant = known.includes(field) ? undefined : nearest(field, known);
        return meant && meant !== field
          ? [
              {
                path: [...path, ...at],
                of: 'value',
                sentence: `The field ${field} is not one that ${connector.name} documents; did you mean ${meant}?`,
              },
            ]
          : [];
      };
      return [
        ...lookedAt(settings?.scope, ['scope']).flatMap(({ at, field }) => doubt(at, field)),
        ...Object.entries(settings?.fields ?? {}).flatMap(([ours, theirs]) => doubt(['fields', ours], theirs)),
      ];
    });
  });
}

function documented(connector: Connector, name: StreamName): string[] {
  const stream = connector.streams[name] as ConnectorStream | undefined;
  if (!stream) return [];
  const declared = [
    stream.key,
    ...Object.values(stream.match ?? {}),
    ...(stream.elsewhere ? [stream.elsewhere.theirs] : []),
    ...Object.values(stream.keep),
  ];
  return [...declared.flat(), ...Object.keys(stream.decide ?? {}), ...(connector.knownFields ?? [])] as string[];
}

/** The fields a scope looks at, each with its path in the file. */
function lookedAt(scope: Scope | undefined, path: Path): { at: Path; field: string }[] {
  if (!scope) return [];
  const [operator, operand] = Object.entries(scope)[0] as [string, unknown];
  const at = [...path, operator];
  if (operator === 'present') return [{ at, field: operand as string }];
  if (operator === 'not') return lookedAt(operand as Scope, at);
  if (Array.isArray(operand)) return operand.flatMap((one: Scope, index) => lookedAt(one, [...at, index]));
  return Object.keys(operand as object).map((field) => ({ at: [...at, field], field }));
}
