import type { z } from 'zod';
import type { Connector } from '../contract/connector.ts';
import type { SettingsShape } from '../contract/settings.ts';
import { type Feature, features as featureDeclarations } from '../model/features.ts';
import type { StreamName } from '../model/model.ts';
import type { ConnectionConfiguration, Notify, StreamSettings, TenantConfiguration } from '../store/types.ts';
import { doubts } from './doubts.ts';
import type { ConfigurationDraft, SecretReference } from './draft.ts';
import { parseDuration } from './duration.ts';
import { normaliseDomain, normaliseNotifyEmail } from './names.ts';
import { type Located, parseYaml } from './parse.ts';
import { listed, type Path, type Problem, pathText } from './problem.ts';
import { configurationSchema, isOn, type onOff } from './schema.ts';
import { MALFORMED, readReference, wrongReference } from './secrets.ts';
import { describeIssue, problemsOf } from './sentences.ts';
import { completeSettings } from './settings.ts';

export const DEFAULT_GRACE = '7d';

/** The file as its schema lets it through. */
interface FileConnection {
  readonly connector: string;
  readonly was?: string;
  readonly paused?: z.output<typeof onOff>;
  readonly schedule?: string;
  readonly full?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly streams?: Partial<Readonly<Record<StreamName, StreamSettings>>>;
}
interface FileShape {
  readonly tenant: string;
  readonly name: string;
  readonly time_zone: string;
  readonly users?: {
    readonly admit?: 'first-logon' | 'assigned';
    readonly sources?: readonly string[];
    readonly leaver_grace?: string;
    readonly domains?: readonly string[];
  };
  readonly features?: Readonly<Record<string, z.output<typeof onOff>>>;
  readonly notify?: readonly { readonly email?: string; readonly webhook?: string; readonly secret?: string }[];
  readonly connections?: Readonly<Record<string, FileConnection>>;
}

export type Validated =
  | { readonly ok: true; readonly draft: ConfigurationDraft; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** @param file as it shall be named in sentences; nothing is read from it */
export function validateConfiguration(
  text: string,
  { file, connectors }: { readonly file: string; readonly connectors: readonly Connector[] },
): Validated {
  const parsed = parseYaml(text);
  if ('problems' in parsed) return { ok: false, problems: parsed.problems };
  const checked = configurationSchema(connectors).safeParse(parsed.located.value, { error: describeIssue });
  if (!checked.success) {
    const names = connectors.map((connector) => connector.name);
    return { ok: false, problems: problemsOf(checked.error.issues, parsed.located, names) };
  }
  return compose(checked.data as unknown as FileShape, parsed.located, file, connectors);
}

/** What concerns several places of the file at once, and the draft itself. */
function compose(shape: FileShape, located: Located, file: string, connectors: readonly Connector[]): Validated {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const references: SecretReference[] = [];
  const note = (list: Problem[], path: Path, of: 'key' | 'value', sentence: string) =>
    list.push({ ...located.at(path, of), path: pathText(path), sentence });
  const wrong = (path: Path, sentence: string) => note(problems, path, 'value', `${pathText(path)} ${sentence}.`);

  const takeSecret = (path: Path, text: string, target: SecretReference['target']) => {
    const written = readReference(text);
    if (written.is === 'malformed') wrong(path, MALFORMED);
    else if (written.is === 'literal') {
      const sentence = `${pathText(path)} holds the secret itself; whoever can read this file can read it. Use a reference to the environment or a file.`;
      note(warnings, path, 'value', sentence);
    } else {
      const notTheirs = wrongReference(shape.tenant, written.kind, written.name);
      if (notTheirs) wrong(path, notTheirs);
      else references.push({ kind: written.kind, name: written.name, target, ...located.at(path, 'value') });
    }
  };

  const entries = Object.entries(shape.connections ?? {});
  const connections = entries.map(([name, connection]) => {
    const connector = connectors.find((one) => one.name === connection.connector)!;
    const settings = completeSettings(connector.settings, connection.settings ?? {});
    for (const [setting, declaration] of Object.entries(connector.settings as SettingsShape)) {
      const value = settings[setting];
      if (declaration.kind === 'secret' && typeof value === 'string') {
        takeSecret(['connections', name, 'settings', setting], value, { connection: name, setting });
      }
    }
    return composeConnection(name, connection, connector, settings);
  });

  const notify = (shape.notify ?? []).map((one, index): Notify => {
    if (one.email !== undefined) return { email: normaliseNotifyEmail(one.email)! };
    if (one.secret !== undefined) takeSecret(['notify', index, 'secret'], one.secret, { notify: index });
    return { webhook: one.webhook!, ...(one.secret === undefined ? {} : { secret: one.secret }) };
  });

  checkRenames(entries, wrong);
  const supplying = connections.filter(({ connector }) =>
    Object.hasOwn(connectors.find((one) => one.name === connector)!.streams, 'users'),
  );
  const sources = shape.users?.sources ?? supplying.map(({ name }) => name);
  checkSources(sources, connections, supplying, wrong);

  const configuration: TenantConfiguration = {
    tenant: shape.tenant,
    name: shape.name,
    time_zone: shape.time_zone,
    users: {
      admit: shape.users?.admit ?? 'first-logon',
      sources,
      leaver_grace_ms: parseDuration(shape.users?.leaver_grace ?? DEFAULT_GRACE)!,
      domains: [...new Set((shape.users?.domains ?? []).map((domain) => normaliseDomain(domain)!))],
    },
    // In the model's order: the order in the file means nothing, and must not look like a change.
    features: (Object.keys(featureDeclarations) as Feature[]).filter((feature) => isOn(shape.features?.[feature])),
    notify,
    connections,
  };
  if (problems.length > 0) return { ok: false, problems: inOrder(problems) };
  for (const { path, of, sentence } of doubts(configuration, connectors)) note(warnings, path, of, sentence);
  return { ok: true, draft: { file, unresolved: configuration, references }, warnings: inOrder(warnings) };
}

const inOrder = (problems: readonly Problem[]) => [...problems].sort((a, b) => a.line - b.line || a.column - b.column);

function composeConnection(
  name: string,
  connection: FileConnection,
  connector: Connector,
  settings: Readonly<Record<string, unknown>>,
): ConnectionConfiguration {
  // Every stream of the connector is read; the file only narrows or maps one.
  const streams = Object.keys(connector.streams).map((stream) => [
    stream,
    connection.streams?.[stream as StreamName] ?? {},
  ]);
  return {
    name,
    ...(connection.was === undefined ? {} : { was: connection.was }),
    connector: connection.connector,
    settings,
    streams: Object.fromEntries(streams),
    ...(connection.schedule === undefined ? {} : { schedule: oneSpaced(connection.schedule) }),
    ...(connection.full === undefined ? {} : { full: oneSpaced(connection.full) }),
    paused: isOn(connection.paused),
  };
}

const oneSpaced = (cron: string) => cron.trim().replace(/\s+/g, ' ');

type Wrong = (path: Path, sentence: string) => void;

function checkSources(
  sources: readonly string[],
  connections: readonly ConnectionConfiguration[],
  supplying: readonly ConnectionConfiguration[],
  wrong: Wrong,
): void {
  for (const [index, source] of sources.entries()) {
    const path = ['users', 'sources', index];
    const able = listed(supplying.map(({ name }) => name));
    if (!connections.some(({ name }) => name === source)) wrong(path, `names no connection of this file; name ${able}`);
    else if (!supplying.some(({ name }) => name === source))
      wrong(path, `names a connection that supplies no users; name ${able}`);
    else if (sources.indexOf(source) !== index) wrong(path, 'names the same connection twice; keep the first');
  }
}

function checkRenames(entries: readonly (readonly [string, FileConnection])[], wrong: Wrong): void {
  const names = new Set(entries.map(([name]) => name));
  const taken = new Set<string>();
  for (const [name, { was }] of entries) {
    if (was === undefined) continue;
    const path = ['connections', name, 'was'];
    if (names.has(was))
      wrong(path, 'names a connection that this file still has; give the name it had before, or remove the line');
    else if (taken.has(was)) wrong(path, 'names what another connection was already; only one of them can be it');
    taken.add(was);
  }
}
