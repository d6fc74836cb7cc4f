import { open, stat, statfs, truncate } from 'node:fs/promises';
import { ifThere, logFile, type Place } from './place.ts';

const MOST_BYTES = 1_048_576;
const LOOK_EVERY_MS = 60_000;
const TAIL_BYTES = 65_536;
/** One segment of WAL: with less than that the server cannot even start. */
const LEAST_ROOM_BYTES = 16_777_216;

export type Trouble = 'port-taken' | 'still-in-use' | 'disk-full' | 'not-allowed' | 'no-memory' | 'unknown';

/** In the order of certainty; the C locale keeps the words as they are here. */
const SIGNS: readonly (readonly [Trouble, RegExp])[] = [
  ['disk-full', /No space left on device|Disk quota exceeded/],
  ['port-taken', /could not bind IPv4 address|could not create any TCP\/IP sockets/],
  ['still-in-use', /is still in use|lock file "[^"]*" (already exists|is empty)/],
  ['no-memory', /Cannot allocate memory|could not (create|map|resize) .*shared memory/],
  ['not-allowed', /Permission denied|Read-only file system|has (invalid permissions|wrong ownership)/],
];

export interface Log {
  /** Opened for appending, so that cutting the file short does not leave a hole. */
  fd: number;
  /** Where this program's output begins, in bytes. */
  from: number;
  close(): Promise<void>;
}

export async function openLog(place: Place): Promise<Log> {
  await boundLog(place);
  const handle = await open(logFile(place), 'a', 0o600);
  return { fd: handle.fd, from: (await handle.stat()).size, close: () => handle.close() };
}

/** Empties the log when it has grown too long: nobody rotates it, and a full disk stops the database. */
export async function boundLog(place: Place): Promise<void> {
  const file = logFile(place);
  const size = (await ifThere(() => stat(file)))?.size ?? 0;
  if (size > MOST_BYTES) await truncate(file);
}

/** Looks after the log while a process is attached; answers how to stop that. */
export function watchLog(place: Place): () => void {
  const timer = setInterval(() => void boundLog(place).catch(() => undefined), LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** What the log shows from `from` on to be the cause of a failure. */
export async function troubleIn(place: Place, from: number): Promise<Trouble> {
  const handle = await open(logFile(place), 'r');
  try {
    const tail = Buffer.alloc(TAIL_BYTES);
    const { bytesRead } = await handle.read(tail, 0, TAIL_BYTES, from);
    const text = tail.toString('utf8', 0, bytesRead);
    const trouble = SIGNS.find(([, sign]) => sign.test(text))?.[0];
    return trouble ?? ((await isNearlyFull(place)) ? 'disk-full' : 'unknown');
  } finally {
    await handle.close();
  }
}

/** A full disk takes no message that says so. */
async function isNearlyFull(place: Place): Promise<boolean> {
  const { bavail, bsize } = await statfs(place.folder);
  return bavail * bsize < LEAST_ROOM_BYTES;
}
