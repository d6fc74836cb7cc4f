import { expect } from 'chai';
import type { Siege } from './siege.ts';
import type { Site } from './site.ts';

/** More hits than any pass here has. */
const MOST_HITS = 2_000;

/**
 * Kills a hub at the first point it passes, the next at the second, and so on, until a pass over a whole directory
 * goes untouched in each siege. Each killed pass is finished by the next hub and checked before the directory changes.
 * With two sieges the points are shared out: a statement's `before` and `after` befall the same one.
 * Passes differ in length from version to version, so a point near the end may have been nobody's turn: those of
 * `named` that were missed are killed at by name.
 * @returns the names of the points at which a hub was killed
 */
export async function killAtEveryPoint(
  site: Site,
  sieges: readonly Siege[],
  pages: number,
  named: readonly string[] = [],
): Promise<Set<string>> {
  const points = new Set<string>();
  const untouched = new Set<Siege>();
  let last: Siege | undefined;
  for (let hit = 1; untouched.size < sieges.length; ) {
    expect(hit).to.be.below(MOST_HITS);
    const siege = sieges[(hit >> 1) % sieges.length]!;
    const hub = await site.hub();
    if (last) {
      await last.finish(hub);
      await last.nextVersion();
    }
    last = undefined;
    const said = await siege.attempt(hub, { what: 'SIGKILL', hit });
    siege.checkFetches();
    if (said?.is === 'at') {
      points.add(said.point);
      last = siege;
      hit++;
      continue;
    }
    if (said?.is !== 'ended') throw new Error(`at hit ${hit}: ${JSON.stringify(said)}`);
    await hub.kill();
    await siege.verify(said.receipt, { oneRun: true });
    // A directory most of whose people vanished is read in fewer steps: it proves nothing.
    if (siege.source.pages === pages) {
      untouched.add(siege);
      hit += 2;
    }
    await siege.nextVersion();
  }
  for (const point of named.filter((one) => !points.has(one))) {
    const siege = sieges[0]!;
    const said = await siege.attempt(await site.hub(), { what: 'SIGKILL', point, hit: 1 });
    siege.checkFetches();
    if (said?.is !== 'at') throw new Error(`no hub passes ${point}`);
    points.add(point);
    await siege.finish(await site.hub());
    await siege.nextVersion();
  }
  return points;
}

/** The same in one pass, which is never left in peace until a hub gets through it. @returns how many hubs it took */
export async function killOnePassAtEveryPoint(site: Site, siege: Siege): Promise<number> {
  for (let hit = 1; hit < MOST_HITS; hit++) {
    const hub = await site.hub();
    const said = await siege.attempt(hub, { what: 'SIGKILL', hit });
    siege.checkFetches();
    if (said?.is === 'at') continue;
    await hub.kill();
    if (said?.is !== 'ended') throw new Error(`at hit ${hit}: ${JSON.stringify(said)}`);
    // Killed after its end, the run stands as it is, and the next order was another run.
    await siege.verify(said.receipt, { oneRun: false });
    await siege.nextVersion();
    return hit;
  }
  throw new Error(`no hub got through within ${MOST_HITS} points`);
}
