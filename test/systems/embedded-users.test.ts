import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { pgData } from '../../src/store/embedded/place.ts';
import { checkout, Ground, placeOf, serverPid } from '../store/embedded-support.ts';
import { requires, skip } from '../support/requires.ts';

/** Large, and no part of the hub or of these tests. */
const LEFT_OUT = /^(node-(linux|win)-.*|typescript|@typescript|@biomejs|\.cache)$/;
const USER = 'nobody';
/** Runs a script to its end and passes on what it says, whatever its exit status. */
const RUN_CHILD =
  "process.stdout.write(require('child_process').spawnSync(process.execPath, process.argv.slice(1), { input: '' }).stdout)";

describe('the embedded database, by who runs it', function () {
  this.timeout(180_000);
  let base: string;
  /** A copy of this checkout with the Node that runs us: ours may lie in a folder that only root may enter. */
  let copy: string;
  let node: string;
  let user: { uid: number; gid: number };

  before(async function () {
    requires(this, 'root');
    const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((one) => one.startsWith(`${USER}:`));
    const [, , uid, gid] = (line ?? '').split(':').map(Number);
    if (!uid || !gid) throw new Error(`there is no user ${USER}`);
    user = { uid, gid };
    base = await realpath(await mkdtemp(join(tmpdir(), 'sluice-users-')));
    await chmod(base, 0o755);
    copy = join(base, 'checkout');
    for (const part of ['src', 'test', 'package.json', 'node_modules']) {
      await cp(join(checkout, part), join(copy, part), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => !(relative(checkout, path).split('/').length <= 3 && LEFT_OUT.test(basename(path))),
      });
    }
    node = join(base, 'node');
    await cp(process.execPath, node);
  });

  after(async () => {
    if (base) await rm(base, { recursive: true, force: true });
  });

  /** Runs the tests of the embedded database, or those whose names match, with `folder` for their data. */
  async function suite(folder: string, who: { uid: number; gid: number } | undefined, only = ''): Promise<string> {
    const mocha = join(copy, 'node_modules', 'mocha', 'bin', 'mocha.js');
    const child = spawn(
      node,
      [
        '--disable-warning=ExperimentalWarning',
        mocha,
        ...['--reporter', 'dot', '--grep', only],
        join(copy, 'test', 'store', 'embedded.test.ts'),
      ],
      { cwd: copy, env: { PATH: process.env.PATH, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'], ...who },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`the tests failed:\n${output}`);
    return output;
  }

  it('works as an ordinary user, who needs nothing outside SLUICE_DATA', async () => {
    const folder = join(base, 'of-the-user');
    await mkdir(folder, { mode: 0o700 });
    await chown(folder, user.uid, user.gid);
    const before = await rootsInstances();
    expect(await suite(folder, user)).match(/2\d passing/);
    expect(await rootsInstances()).deep.equal(before);
  });

  it('refuses root the folder of an ordinary user', async () => {
    const ground = new Ground();
    try {
      const dataDir = await ground.dataDir();
      await mkdir(join(dataDir, 'postgres'), { recursive: true });
      await chown(join(dataDir, 'postgres'), user.uid, user.gid);
      const said = await ground.hub(dataDir).said;
      expect(said)
        .property('sentence')
        .match(new RegExp(`set up by the user with id ${user.uid}; run Sluice as that user`));
    } finally {
      await ground.clear();
    }
  });

  it('refuses an ordinary user the folder that root set up', async () => {
    const dataDir = join(base, 'given-to-root');
    await mkdir(dataDir);
    await chown(dataDir, user.uid, user.gid);
    await writeFile(join(dataDir, 'instance'), '0123456789abcdef\n');
    const script = join(copy, 'test', 'store', 'embedded-child.ts');
    const { stdout } = await promisify(execFile)(node, ['-e', RUN_CHILD, script, dataDir], { ...user, cwd: copy });
    expect(stdout).match(/was set up by root; run Sluice as root/);
  });

  it('names the disk when it is full, and starts once there is room', async function () {
    const disk = join(base, 'small-disk');
    await mkdir(disk);
    const run = promisify(execFile);
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=20m,mode=777', 'tmpfs', disk]);
    } catch {
      skip(this, 'not even root may mount a file system in this container');
    }
    try {
      const script = join(copy, 'test', 'store', 'embedded-child.ts');
      const start = async () => {
        const { stdout } = await run(node, ['-e', RUN_CHILD, script, join(disk, 'data')], { ...user, cwd: copy });
        return stdout;
      };
      expect(await start(), 'no room for the binaries').match(/The disk that holds .*small-disk.* is full; make room/);
      await run('mount', ['-o', 'remount,size=70m', disk]);
      expect(await start(), 'no room for the cluster').match(/The disk that holds .*small-disk.* is full/);
      await run('mount', ['-o', 'remount,size=200m', disk]);
      expect(await start()).match(/"is":"hub"/);
    } finally {
      await run('umount', [disk]);
    }
  });

  it('works as root inside a folder that no other user may enter', async () => {
    const closed = join(base, 'closed');
    await mkdir(closed, { mode: 0o700 });
    // The hub's own files too: the server must not need node_modules once it is set up.
    await rename(copy, join(closed, 'checkout'));
    copy = join(closed, 'checkout');
    await rename(node, join(closed, 'node'));
    node = join(closed, 'node');
    const data = join(closed, 'tmp');
    await mkdir(data);
    const before = await rootsInstances();
    expect(await suite(data, undefined, 'starts|survives|last one|gives the hub|environment|for good')).match(
      /1\d passing/,
    );
    expect(await rootsInstances()).deep.equal(before);
  });

  it('runs the server of root as another user, who is shown neither passwords nor root’s folders', async () => {
    const ground = new Ground();
    try {
      const dataDir = await ground.dataDir();
      const hub = ground.hub(dataDir);
      expect((await hub.said)?.is).equal('hub');
      const place = await placeOf(dataDir);
      const pid = await serverPid(place);
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const uid = Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
      expect(uid).above(0);
      expect(/^Groups:[ \t]*(.*)$/m.exec(status)?.[1]?.trim()).equal('');
      expect((await stat(pgData(place))).uid).equal(uid);
      expect(place.folder).match(/^\/var\/lib\/sluice\/[0-9a-f]{16}$/);
      expect((await readdir(dataDir)).sort()).deep.equal(['instance', 'turn.lock']);
      expect((await stat(dataDir)).mode & 0o777).equal(0o700);
      const closed = [dataDir, join(place.folder, 'cluster', 'credentials.json'), join(place.folder, 'server.log')];
      for (const path of closed) expect(await mayRead(path, uid), path).equal(false);
      hub.process.stdin!.end();
      expect(await hub.exited).equal(0);
    } finally {
      await ground.clear();
    }
  });
});

async function rootsInstances(): Promise<string[]> {
  return (await readdir('/var/lib/sluice').catch(() => [])).sort();
}

async function mayRead(path: string, uid: number): Promise<boolean> {
  const child = spawn('test', ['-r', path], { uid, gid: uid, stdio: 'ignore', cwd: '/' });
  const [code] = await once(child, 'exit');
  return code === 0;
}
