import type { Connector } from '../contract/connector.ts';
import type { OperatorSettings } from '../settings/index.ts';
import type { Store } from '../store/index.ts';
import type { SyncService } from '../sync/types.ts';

/** The hub's database with all that works on it, for the length of one command. */
export interface Attached {
  readonly store: Store;
  readonly sync: SyncService;
  /** Where the database is, without credentials, for a person to read. */
  readonly database: string;
  /** Gives everything back; an embedded server that this command started is stopped. */
  release(): Promise<void>;
}

export interface RunningHub extends Attached {
  /** `http://127.0.0.1:8420` */
  readonly url: string;
  /** Resolves when the hub has stopped: by signal, or because it lost its database lock. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

export const hubRoles = ['all', 'api', 'worker', 'scheduler'] as const;
export type HubRole = (typeof hubRoles)[number];

/** A live system of the sandbox, as far as the demo handles it. */
export interface SandboxSystemHandle {
  /** `ldap://127.0.0.1:PORT`, `https://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

/** What its configuration needs, too. */
export interface SandboxMicrosoft365Handle extends SandboxSystemHandle {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** PEM. */
  readonly ca: string;
  readonly mailboxes: readonly string[];
}

/** What happened in the sandbox's systems, without saying to whom. */
export interface SandboxChange {
  readonly kind: string;
  /** Whether to one of those who log on. */
  readonly ofUser: boolean;
}

/** PEM. */
export interface SandboxCertificate {
  readonly key: string;
  readonly cert: string;
}

/** The sandbox, as src/sandbox exports it; `D` and `M` are its two systems, which the demo only hands back. */
export interface SandboxDeps<
  D extends SandboxSystemHandle = SandboxSystemHandle,
  M extends SandboxMicrosoft365Handle = SandboxMicrosoft365Handle,
> {
  /** @throws the system's error with code EADDRINUSE if the port is taken */
  startDirectory(options: { seed: number; password: string; port?: number }): Promise<D>;
  /** Likewise. With the people of the directory, who must have come from the same seed. */
  startMicrosoft365(options: {
    seed: number;
    directory: D;
    clientSecret: string;
    certificate: SandboxCertificate;
    port?: number;
  }): Promise<M>;
  /** For a server on this machine, and of no use anywhere else. */
  makeCertificate(): SandboxCertificate;
  /** The bodies of `POST /v1/logons` of those employees who log on. */
  employeesWhoLogOn(options: { seed: number }): { email: string; given_name: string; family_name: string }[];
  /** The sandbox tenant's configuration file. */
  sandboxConfiguration(options: {
    directory: { url: string; bindPassword: string };
    microsoft365: M;
    schedule?: string;
  }): string;
  /** What happens in both systems, now in the one and now in the other. */
  inTurns(directory: D, microsoft365: M): { change(): SandboxChange };
  /** Lets something happen every so often until the signal is aborted; never keeps the process alive. */
  keepChanging(
    what: { change(): SandboxChange },
    options: { everyMs: number; signal: AbortSignal; tell?: (change: SandboxChange) => void },
  ): Promise<void>;
}

/** What main hands to the command line: it imports neither connectors nor the API nor the sandbox. */
export interface CliDeps {
  readonly connectors: readonly Connector[];
  /** What an API key may do, by name, with what it opens. */
  readonly scopes: Readonly<Record<string, string>>;
  /** Loaded when a demo is wanted. */
  sandbox(): Promise<SandboxDeps>;
  attach(settings: OperatorSettings, purpose: string): Promise<Attached>;
  startHub(settings: OperatorSettings, options: { role: HubRole }): Promise<RunningHub>;
  /** `migrate`; with `plan`, only what it would do. */
  migrate(
    settings: OperatorSettings,
    plan: boolean,
  ): Promise<readonly { name: string; state: 'applied' | 'pending' }[]>;
}
