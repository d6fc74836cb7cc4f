/**
 * A hub in a process of its own, for tests that kill it: attaches, becomes the hub, says so in one line of JSON, and
 * works until its stdin closes. `node embedded-child.ts DATADIR`
 */
import { SluiceError } from '../../src/base/errors.ts';
import { attachEmbedded } from '../../src/store/embedded/index.ts';
import { becomeHub } from '../../src/store/hub-lock.ts';

const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);

process.stdin.resume();
const closed = new Promise<void>((resolve) => process.stdin.once('end', () => resolve()));
try {
  const attached = await attachEmbedded({ dataDir: process.argv[2] ?? '', purpose: 'test hub' });
  try {
    const hub = await becomeHub(attached.url, { pid: process.pid, host: 'test-host' });
    say({ is: 'hub', url: attached.url, started: attached.started });
    await closed;
    await hub.release();
  } finally {
    await attached.release();
  }
} catch (error) {
  if (!(error instanceof SluiceError)) throw error;
  say({ is: 'refused', sentence: error.message });
  process.exitCode = 1;
} finally {
  // An open stdin would keep a refused contender alive for ever.
  process.stdin.destroy();
}
