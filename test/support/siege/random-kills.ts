import { setTimeout as sleep } from 'node:timers/promises';
import type { Receipt } from '../../../src/model/receipt.ts';
import type { Random } from '../../../src/sandbox/random.ts';
import type { Siege } from './siege.ts';
import type { KillableHub, Site } from './site.ts';

export interface RandomKills {
  readonly kills: number;
  /** Share of the kills that are followed by a second one, up to a second into the recovery. */
  readonly pairs: number;
  /** Longest time a hub works before it is killed. */
  readonly within_ms: number;
  /** Told after every kill. */
  readonly onKill?: (kill: number, harm: Harm) => void;
}

export interface Harm {
  hubs: number;
  servers: number;
  /** How many of the kills were followed by a second one. */
  pairs: number;
  passes: number;
}

type Victim = 'hub' | 'server' | 'both';
const victims: readonly Victim[] = ['hub', 'hub', 'server', 'both'];

/** Ends in a pass: finishes are tried until the database answers again and a whole pass was read. */
const FINISH_ATTEMPTS = 10;

/** Kills hubs and servers at random moments; checks everything after each pass that was finished. */
export async function killAtRandom(
  site: Site,
  sieges: readonly Siege[],
  random: Random,
  how: RandomKills,
): Promise<Harm> {
  const harm: Harm = { hubs: 0, servers: 0, pairs: 0, passes: 0 };
  let siege = random.pick(sieges);
  for (let kill = 0; kill < how.kills; kill++) {
    const hub = await site.hub();
    await strike(site, siege, hub, random.pick(victims), random.below(how.within_ms), harm);
    if (random.chance(how.pairs)) {
      // Cold: its start, its joining or starting the server, and its taking the run up again are in reach.
      harm.pairs++;
      await site.expireLease(siege.tenantId).catch(() => undefined);
      await strike(site, siege, site.coldHub(), random.pick(victims), random.below(1000), harm);
    }
    await site.recover();
    await site.expireLease(siege.tenantId);
    how.onKill?.(kill + 1, harm);
    // Else the same pass is killed once more.
    if (random.chance(0.6) || kill === how.kills - 1) {
      await siege.verify(await finish(site, siege), { oneRun: false });
      await siege.nextVersion();
      harm.passes++;
      siege = random.pick(sieges);
    }
  }
  return harm;
}

async function strike(site: Site, siege: Siege, hub: KillableHub, victim: Victim, after_ms: number, harm: Harm) {
  siege.beginAttempt();
  siege.struck();
  hub.send(siege.order());
  await sleep(after_ms);
  if (victim !== 'server') {
    await hub.kill();
    harm.hubs++;
  }
  if (victim !== 'hub') {
    await site.killServer();
    harm.servers++;
  }
  // A hub that lost its server says so, within the time its own statements have.
  if (victim === 'server') await hub.next();
  await hub.kill();
}

async function finish(site: Site, siege: Siege): Promise<Receipt> {
  const told: unknown[] = [];
  for (let attempt = 1; attempt <= FINISH_ATTEMPTS; attempt++) {
    const hub = await site.hub();
    const said = await siege.attempt(hub);
    await hub.kill();
    if (said?.is === 'ended' && (said.receipt.status === 'succeeded' || said.receipt.status === 'held'))
      return said.receipt;
    told.push(said);
    await siege.killed();
  }
  throw new Error(`no pass was finished in ${FINISH_ATTEMPTS} attempts: ${JSON.stringify(told)}`);
}
