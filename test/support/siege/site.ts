import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { newMasterKeyText, parseMasterKey } from '../../../src/crypto/keys.ts';
import { attachEmbedded, type EmbeddedAttachment } from '../../../src/store/embedded/index.ts';
import { migrate, openStore, type Store } from '../../../src/store/index.ts';
import { Ground, killServer, placeOf, query, serverPid } from '../../store/embedded-support.ts';
import type { HubOrder, HubSaid } from '../killable-hub.ts';

const SCRIPT = fileURLToPath(new URL('../killable-hub.ts', import.meta.url));
const ANSWER_BUDGET_MS = 60_000;

/** A killable hub in its own process. */
export class KillableHub {
  readonly process: ChildProcess;
  readonly #heard: HubSaid[] = [];
  readonly #listeners = new Set<() => void>();
  #over = false;

  constructor(dataDir: string, masterKey: string) {
    this.process = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', SCRIPT, dataDir], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, SLUICE_KEY: masterKey },
    });
    this.process.stdin!.on('error', () => undefined);
    const lines = createInterface({ input: this.process.stdout! });
    lines.on('line', (line) => {
      this.#heard.push(JSON.parse(line) as HubSaid);
      this.#tell();
    });
    // Its output ends with it, and after its last words.
    lines.on('close', () => {
      this.#over = true;
      this.#tell();
    });
  }

  /** The next thing it says; undefined when it died without another word. */
  async next(budget_ms = ANSWER_BUDGET_MS): Promise<HubSaid | undefined> {
    const end = performance.now() + budget_ms;
    while (this.#heard.length === 0 && !this.#over) {
      const left = end - performance.now();
      if (left <= 0) throw new Error(`the hub said nothing for ${budget_ms} ms`);
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#listeners.delete(done);
          resolve();
        };
        const timer = setTimeout(done, left);
        this.#listeners.add(done);
      });
    }
    return this.#heard.shift();
  }

  async ready(): Promise<this> {
    const said = await this.next();
    if (said?.is !== 'ready') throw new Error(`the hub did not start: ${JSON.stringify(said)}`);
    return this;
  }

  send(order: HubOrder): void {
    this.process.stdin!.write(`${JSON.stringify(order)}\n`);
  }

  get dead(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  async kill(): Promise<void> {
    if (this.dead) return;
    const exited = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exited;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** One embedded server, a store of the test's own process over it, and the hubs that come and go. */
export class Site {
  readonly dataDir: string;
  readonly masterKey: string;
  readonly #ground: Ground;
  readonly #now: () => Date;
  #attachment: EmbeddedAttachment;
  #store: Store;
  #waiting: KillableHub | undefined;
  /** How long the server took to be there again after a kill, each time. */
  readonly recoveries_ms: number[] = [];

  private constructor(
    ground: Ground,
    dataDir: string,
    masterKey: string,
    attachment: EmbeddedAttachment,
    now: () => Date,
  ) {
    this.#ground = ground;
    this.dataDir = dataDir;
    this.masterKey = masterKey;
    this.#now = now;
    this.#attachment = attachment;
    this.#store = this.#open(attachment.url);
  }

  static async open(now: () => Date): Promise<Site> {
    const ground = new Ground();
    const dataDir = await ground.dataDir();
    const attachment = await attachEmbedded({ dataDir, purpose: 'siege' });
    await migrate(attachment.migrateUrl, new URL(attachment.url).username);
    return new Site(ground, dataDir, newMasterKeyText(), attachment, now);
  }

  /** Another one after a kill of the server: never kept. */
  get store(): Store {
    return this.#store;
  }

  get url(): string {
    return this.#attachment.url;
  }

  openStoreAt(url: string): Store {
    return this.#open(url);
  }

  /** A statement as the owner. */
  sql<Row extends object>(statement: string): Promise<Row[]> {
    return query<Row>(this.#attachment.migrateUrl, statement);
  }

  /** A hub that is ready; the one after it starts meanwhile. */
  async hub(): Promise<KillableHub> {
    const hub = this.#waiting ?? this.coldHub();
    this.#waiting = this.coldHub();
    return hub.ready();
  }

  coldHub(): KillableHub {
    const hub = new KillableHub(this.dataDir, this.masterKey);
    this.#ground.keep(hub.process);
    return hub;
  }

  async killServer(): Promise<void> {
    await this.dismiss();
    const place = await placeOf(this.dataDir);
    if (await serverPid(place)) await killServer(place, 'SIGKILL').catch(() => undefined);
  }

  /** The server runs and our own store works again, whoever started it. */
  async recover(): Promise<void> {
    const began = performance.now();
    const before = this.#attachment;
    const store = this.#store;
    this.#attachment = await attachEmbedded({ dataDir: this.dataDir, purpose: 'siege' });
    this.#store = this.#open(this.#attachment.url);
    this.recoveries_ms.push(performance.now() - began);
    await Promise.all([store.close().catch(() => undefined), before.release().catch(() => undefined)]);
  }

  /** Ends the hub that waits: its connections are to a server that will be gone. */
  async dismiss(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    await waiting?.kill();
  }

  /** What a minute of silence does: nobody waits for it here. */
  async expireLease(tenantId: string): Promise<void> {
    await this.sql(
      `UPDATE registry.connection SET lease_until = now() - interval '1 second'
        WHERE tenant_id = '${tenantId}' AND lease_until IS NOT NULL`,
    );
  }

  async close(): Promise<void> {
    await this.dismiss();
    await this.#store.close().catch(() => undefined);
    await this.#attachment.release().catch(() => undefined);
    await this.#ground.clear();
  }

  #open(url: string): Store {
    return openStore({
      url,
      master: parseMasterKey(this.masterKey),
      applicationName: 'siege',
      clock: { now: this.#now },
      poolSize: 6,
    });
  }
}
