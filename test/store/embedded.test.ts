import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Client } from 'pg';
import { findPackage } from '../../src/store/embedded/binaries.ts';
import { attachEmbedded, type EmbeddedAttachment } from '../../src/store/embedded/index.ts';
import { credentialsFile, logFile, type Place, pgData, portFile } from '../../src/store/embedded/place.ts';
import { becomeHub } from '../../src/store/hub-lock.ts';
import { skip } from '../support/requires.ts';
import {
  type ChildHub,
  eventually,
  Ground,
  killServer,
  placeOf,
  query,
  sentenceOf,
  serverPid,
} from './embedded-support.ts';

const MARKER = 'marker-7f3a91c2';
const isRoot = process.getuid?.() === 0;

describe('the embedded database', function () {
  this.timeout(60_000);
  const ground = new Ground();
  let dataDir: string;
  let place: Place;

  const attach = (purpose = 'test'): Promise<EmbeddedAttachment> => attachEmbedded({ dataDir, purpose });
  const timed = async () => {
    const from = performance.now();
    const attached = await attach();
    return { attached, took_ms: performance.now() - from };
  };
  const running = async () => (await serverPid(place)) !== undefined;

  before(async () => {
    dataDir = await ground.dataDir();
    const { attached, took_ms } = await timed();
    expect(took_ms).below(5_000);
    expect(attached.started).equal(true);
    place = await placeOf(dataDir);
    await query(attached.migrateUrl, 'CREATE TABLE kept (value text PRIMARY KEY)');
    await query(attached.migrateUrl, 'GRANT SELECT, INSERT ON kept TO sluice_login');
    await attached.release();
  });

  after(() => ground.clear());

  afterEach('nobody is left behind', async () => {
    await eventually(async () => !(await running()));
  });

  it('starts again in under 2 s with what was written', async () => {
    const first = await attach();
    await query(first.url, "INSERT INTO kept VALUES ('before')");
    await first.release();
    const { attached, took_ms } = await timed();
    expect(took_ms).below(2_000);
    expect(attached.started).equal(true);
    expect(await query(attached.url, "SELECT value FROM kept WHERE value = 'before'")).lengthOf(1);
    await attached.release();
  });

  it('runs durably, on loopback alone, sorted alike everywhere', async () => {
    const attached = await attach();
    const wanted = {
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
      wal_recycle: 'off',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      server_encoding: 'UTF8',
      data_checksums: 'on',
      password_encryption: 'scram-sha-256',
      idle_in_transaction_session_timeout: '1min',
      log_statement: 'none',
    };
    const rows = await query<{ name: string; value: string }>(
      attached.migrateUrl,
      `SELECT name, current_setting(name) AS value FROM pg_settings WHERE name IN ('${Object.keys(wanted).join("','")}')`,
    );
    expect(Object.fromEntries(rows.map(({ name, value }) => [name, value]))).deep.equal(wanted);
    expect(
      await query(
        attached.url,
        'SELECT datlocprovider AS p, datlocale AS l FROM pg_database WHERE datname = current_database()',
      ),
    ).deep.equal([{ p: 'b', l: 'C.UTF-8' }]);
    await attached.release();
  });

  it('gives the hub a role without power, and nobody a way in without a password', async () => {
    const attached = await attach();
    expect(
      await query(
        attached.url,
        'SELECT rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication AS power, rolname FROM pg_roles WHERE rolname = current_user',
      ),
    ).deep.equal([{ power: false, rolname: 'sluice_login' }]);
    const without = new URL(attached.migrateUrl);
    without.password = 'wrong';
    expect(await sentenceOf(query(without.href, 'SELECT 1'))).match(/password authentication failed/);
    const elsewhere = new URL(attached.url);
    elsewhere.pathname = '/postgres';
    expect(await sentenceOf(query(elsewhere.href, 'SELECT 1'))).match(/permission denied for database/);
    expect((await stat(credentialsFile(place))).mode & 0o777).equal(0o600);
    await attached.release();
  });

  it('writes no value of a failed statement to its log', async () => {
    const attached = await attach();
    const client = new Client({ connectionString: attached.url });
    await client.connect();
    await client.query('INSERT INTO kept VALUES ($1)', [MARKER]);
    await client.query('INSERT INTO kept VALUES ($1)', [MARKER]).catch(() => undefined);
    await client.query('SELECT $1::int', [MARKER]).catch(() => undefined);
    await client.query(`SELECT '${MARKER}'::uuid`).catch(() => undefined);
    await client.query(`DO $$ BEGIN RAISE WARNING '${MARKER}'; END $$`);
    await client.end();
    const log = await readFile(logFile(place), 'utf8');
    expect(log).contain('ready to accept connections');
    expect(log).not.contain(MARKER);
    await attached.release();
  });

  it('keeps its log short', async () => {
    await writeFile(logFile(place), 'x'.repeat(2_000_000));
    const attached = await attach();
    expect((await stat(logFile(place))).size).below(100_000);
    await attached.release();
  });

  it('is stopped by the last one out, not by the first', async () => {
    const hub = await attach('hub');
    const tool = await attach('tool');
    expect([hub.started, tool.started]).deep.equal([true, false]);
    await hub.release();
    await hub.release();
    expect(await running()).equal(true);
    await tool.release();
    expect(await running()).equal(false);
  });

  it('survives kill -9 of the hub: the next one uses the server it left', async () => {
    const child = ground.hub(dataDir);
    const said = await child.said;
    if (said?.is !== 'hub') throw new Error('the child is not the hub');
    const pid = await serverPid(place);
    child.process.kill('SIGKILL');
    await child.exited;
    const next = await attach();
    expect(next.started).equal(false);
    expect(await serverPid(place)).equal(pid);
    const hub = await becomeHub(next.url, { pid: process.pid, host: 'here' });
    await hub.release();
    await next.release();
  });

  it('is not ended by Ctrl-C in the terminal of its starter', async () => {
    const child = ground.hub(dataDir, { ownGroup: true });
    await child.said;
    process.kill(-child.process.pid!, 'SIGINT');
    await child.exited;
    await sleep(200);
    expect(await running()).equal(true);
    await (await attach()).release();
  });

  it('survives kill -9 of the server: the next one starts it, and those attached come back', async () => {
    const first = await attach('first');
    await query(first.url, "INSERT INTO kept VALUES ('before the kill')");
    await killServer(place, 'SIGKILL');
    const second = await attach('second');
    expect(second.started).equal(true);
    expect(second.url).equal(first.url);
    expect(await query(first.url, "SELECT 1 FROM kept WHERE value = 'before the kill'")).lengthOf(1);
    const attached = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted`;
    await eventually(async () => (await query(second.migrateUrl, attached)).length === 2);
    await second.release();
    expect(await running()).equal(true);
    await first.release();
  });

  it('tells those attached when the server is gone for good', async () => {
    const only = await attach();
    await killServer(place, 'SIGKILL');
    await only.lost;
    await only.release();
  });

  it('starts over a stale pid file whose number is now another program', async () => {
    const first = await attach();
    await killServer(place, 'SIGKILL');
    await first.release();
    const stranger = ground.keep(spawn('sleep', ['60'], { stdio: 'ignore', ...(place.runAs ?? {}) }));
    const note = join(pgData(place), 'postmaster.pid');
    const text = await readFile(note, 'utf8');
    await writeFile(note, text.replace(/^\d+/, String(stranger.pid)));
    const next = await attach();
    expect(next.started).equal(true);
    expect(stranger.exitCode).equal(null);
    await next.release();
    stranger.kill();
  });

  it('starts over an empty pid file', async () => {
    await writeFile(join(pgData(place), 'postmaster.pid'), '');
    const next = await attach();
    expect(next.started).equal(true);
    await next.release();
  });

  it('waits for the last statement of a killed server before it starts another', async () => {
    const first = await attach();
    const client = new Client({ connectionString: first.url });
    client.on('error', () => undefined);
    await client.connect();
    const [row] = (await client.query('SELECT pg_backend_pid() AS pid')).rows as { pid: number }[];
    // Counts without ever looking up, so it does not notice that its server died.
    void client.query('SELECT count(*) FROM generate_series(1, 100000000000)').catch(() => undefined);
    await sleep(200);
    await killServer(place, 'SIGKILL');
    let back = false;
    const next = attach().finally(() => {
      back = true;
    });
    await sleep(1_000);
    expect(back).equal(false);
    process.kill(row!.pid, 'SIGKILL');
    expect((await next).started).equal(true);
    await (await next).release();
    await first.release();
    await client.end().catch(() => undefined);
  });

  it('takes another port when its own is taken', async () => {
    const port = Number(await readFile(portFile(place), 'utf8'));
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    const attached = await attach();
    expect(new URL(attached.url).port).not.equal(String(port));
    await attached.release();
    squatter.close();
  });

  it('starts a server again that is just stopping', async () => {
    for (let round = 0; round < 5; round += 1) {
      const first = await attach();
      process.kill((await serverPid(place))!, 'SIGINT');
      const second = await attach();
      expect(await query(second.url, 'SELECT')).lengthOf(1);
      await Promise.all([first.release(), second.release()]);
    }
  });

  it('comes and goes together with others without ever being missing', async () => {
    const visit = async () => {
      for (let round = 0; round < 5; round += 1) {
        const attached = await attach();
        expect(await query(attached.url, 'SELECT')).lengthOf(1);
        await attached.release();
      }
    };
    await Promise.all([visit(), visit(), visit(), visit()]);
  });

  it('mends its copy of the binaries', async () => {
    const copy = (await readdir(place.folder)).find((name) => name.startsWith('server-'));
    const damaged = join(place.folder, copy!, 'share', 'postgresql', 'postgres.bki');
    const whole = (await stat(damaged)).size;
    await truncate(damaged, 10);
    await writeFile(join(place.folder, 'server-0.0.1'), 'of an older version');
    await (await attach()).release();
    expect((await stat(damaged)).size).equal(whole);
    expect((await readdir(place.folder)).filter((name) => name.startsWith('server-'))).deep.equal([copy]);
  });

  it('shows the environment of the hub to nobody', async function () {
    if (process.platform !== 'linux') skip(this, 'reads /proc, which only Linux has');
    const child = ground.hub(dataDir, { env: { ...process.env, ACME__SECRET: MARKER } });
    await child.said;
    expect(await readFile(`/proc/${await serverPid(place)}/environ`, 'utf8')).not.contain(MARKER);
    child.process.stdin!.end();
    expect(await child.exited).equal(0);
  });

  it('is one for fifty who come at once: on data that is there', async () => {
    await race(ground, dataDir, 20);
    await race(ground, dataDir, 20);
  });

  it('is one for fifty who come at once: on nothing yet', async () => {
    for (let round = 0; round < 2; round += 1) {
      const fresh = await ground.dataDir();
      await race(ground, fresh, 5);
      if (isRoot) await rm((await placeOf(fresh)).folder, { recursive: true });
    }
  });

  it('leaves a whole cluster or none when its first start is killed', async () => {
    const fresh = await ground.dataDir();
    for (let delay_ms = 100; delay_ms <= 700; delay_ms += 50) {
      const child = ground.hub(fresh);
      await sleep(delay_ms);
      child.process.kill('SIGKILL');
      await child.exited;
    }
    const attached = await attachEmbedded({ dataDir: fresh, purpose: 'test' });
    expect(await query(attached.url, 'SELECT')).lengthOf(1);
    const there = await placeOf(fresh);
    await attached.release();
    expect((await readdir(there.folder)).filter((name) => name.includes('.new-'))).deep.equal([]);
  });

  describe('says what the operator can do', () => {
    it('when the data is of another major version', async () => {
      const file = join(pgData(place), 'PG_VERSION');
      const version = await readFile(file, 'utf8');
      await writeFile(file, '15\n');
      expect(await sentenceOf(attach())).match(/written by PostgreSQL 15 and this Sluice brings 18; take a backup/);
      await writeFile(file, version);
    });

    it('when SLUICE_DATA cannot be written', async () => {
      const file = join(dirname(dataDir), 'a-file');
      await writeFile(file, '');
      const nowhere = join(file, 'data');
      expect(await sentenceOf(attachEmbedded({ dataDir: nowhere, purpose: 'test' }))).match(
        /cannot be used .* SLUICE_DATA/,
      );
    });

    it('when there is no PostgreSQL for this machine', async () => {
      expect(await sentenceOf(findPackage('linux', 'mips'))).match(/no PostgreSQL for linux mips.* set DATABASE_URL/);
      expect(await sentenceOf(findPackage('win32', 'x64'))).match(/set DATABASE_URL/);
    });

    it('when the passwords are gone', async () => {
      const text = await readFile(credentialsFile(place));
      await rm(credentialsFile(place));
      expect(await sentenceOf(attach())).match(/passwords in .*credentials\.json are missing/);
      await writeFile(credentialsFile(place), text, { mode: 0o600 });
      await (await attach()).release();
    });

    it('when root lost the folder the data lives in', async function () {
      if (!isRoot) skip(this, 'only root keeps its data elsewhere');
      const other = await ground.dataDir();
      await (await attachEmbedded({ dataDir: other, purpose: 'test' })).release();
      await rm((await placeOf(other)).folder, { recursive: true });
      expect(await sentenceOf(attachEmbedded({ dataDir: other, purpose: 'test' }))).match(
        /is not there; restore that folder/,
      );
    });
  });
});

/** Exactly one becomes the hub; all others leave within a few seconds and say why. */
async function race(ground: Ground, dataDir: string, contenders: number): Promise<void> {
  const children = Array.from({ length: contenders }, (): ChildHub => ground.hub(dataDir));
  const from = performance.now();
  const said = await Promise.all(children.map((child) => child.said));
  expect(performance.now() - from).below(15_000);
  expect(said.filter((one) => one?.is === 'hub')).lengthOf(1);
  const winner = children[said.findIndex((one) => one?.is === 'hub')]!;
  const losers = children.filter((child) => child !== winner);
  expect(await Promise.all(losers.map((child) => child.exited))).deep.equal(losers.map(() => 1));
  for (const one of said) {
    if (one?.is === 'refused') {
      expect(one.sentence).match(
        new RegExp(`Another hub \\(process ${winner.process.pid} on test-host\\).*stop it first`),
      );
    }
  }
  winner.process.stdin!.end();
  expect(await winner.exited).equal(0);
}
