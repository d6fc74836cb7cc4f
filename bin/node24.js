// Finds the Node this project runs under and runs a script with it. Plain JavaScript, because the host may carry
// an older Node that cannot strip types (many still carry Node 20, past its end of life).
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const WANTED_MAJOR = 24;

// Small young generations, and an old one that is swept before it has grown by half: a pass over 500,000 entries
// peaks at 145 MB instead of 300 MB, in the same time (npm run bench).
// Two helpers of V8's for compiling and collecting instead of four: on a machine of two cores they keep the database, the
// source and the hub's own thread waiting. One is as quick as two and frees memory later: 8 MB more at the peak.
const FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--max-semi-space-size=8',
  '--heap-growing-percent=50',
  '--v8-pool-size=2',
];
// One heap of glibc's for all threads: each keeps what it has freed for itself.
const MALLOC = { MALLOC_ARENA_MAX: '1' };
// Stripped types and compiled code are kept between commands: each starts in half the time.
const COMPILE_CACHE = fileURLToPath(new URL('../node_modules/.cache/node-compile/', import.meta.url));

/** The path of a Node >= 24: this one if it is new enough, else the one that npm installed beside us. */
export function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR) return process.execPath;
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${platform}-${process.arch}/package.json`);
    const binary = manifest.replace('package.json', process.platform === 'win32' ? 'bin/node.exe' : 'bin/node');
    if (existsSync(binary)) return binary;
  } catch {
    // Not published for this platform: the sentence below says what to do.
  }
  process.stderr.write(
    `Sluice needs Node ${WANTED_MAJOR} or newer and none came with it for ${process.platform} ${process.arch}. Install Node ${WANTED_MAJOR} and run this again.\n`,
  );
  process.exit(1);
}

/**
 * Runs `script` under Node 24 in place of this process: signals are handed on, the exit status is the child's.
 * The IPC channel is the child's lifeline: when this process is killed outright the child sees the channel close
 * and stops gracefully; without it a `kill -9` would leave a hub behind that nobody owns.
 */
export function runUnderNode24(script, args) {
  const child = spawn(findNode(), [...FLAGS, script, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...MALLOC, ...process.env, SLUICE_LIFELINE: '1' },
  });
  // A terminal sends Ctrl-C to the whole group: handed on as well, the child would take it for the second one.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}
