import { seededRandom } from '../../src/sandbox/random.ts';
import { mochaHooks } from '../support/hub.ts';
import { CalendarSiege, killOverCalendars } from '../support/siege/calendar-siege.ts';
import { killOverDiaries } from '../support/siege/diary-siege.ts';
import { killOverDirectory } from '../support/siege/directory-siege.ts';
import { killAtEveryPoint, killOnePassAtEveryPoint } from '../support/siege/every-point.ts';
import { fenceRound } from '../support/siege/fencing.ts';
import type { Kills } from '../support/siege/kills.ts';
import { loseCommits } from '../support/siege/lost-commits.ts';
import { sourceKinds } from '../support/siege/paged-source.ts';
import { killAtRandom } from '../support/siege/random-kills.ts';
import { Siege, type SiegeClock } from '../support/siege/siege.ts';
import type { Site } from '../support/siege/site.ts';
import { feedSoak } from './feed.ts';

/** One long test; it throws when something is wrong, and answers what it did, in words. */
export interface Soak {
  readonly name: string;
  readonly about: string;
  run(ground: { readonly site: Site; readonly clock: SiegeClock; readonly seed: number }): Promise<string>;
}

export const soaks: readonly Soak[] = [
  {
    name: 'kill-points',
    about: 'A hub killed at every point of a pass of six pages in turn, for each kind of source.',
    async run({ site, clock, seed }) {
      const told: string[] = [];
      for (const kind of sourceKinds) {
        const siege = await Siege.lay(site, clock, { kind, seed, people: 60, pageSize: 10 });
        const points = await killAtEveryPoint(site, [siege], 6);
        told.push(`${kind}: ${points.size} kinds of points`);
        await siege.lift();
      }
      const siege = await Siege.lay(site, clock, { kind: 'restarting', seed, people: 60, pageSize: 10 });
      told.push(`one pass: ${await killOnePassAtEveryPoint(site, siege)} hubs`);
      await siege.lift();
      return told.join(', ');
    },
  },
  {
    name: 'calendar-kills',
    about: 'A hub killed at every point of a run over three calendars of Microsoft 365 in turn, changes and anew.',
    async run({ site, seed }) {
      const siege = await CalendarSiege.lay(site, seed);
      const { count, points } = await killOverCalendars(site, siege, { every: 1, named: [] });
      await siege.lift();
      return `${count} kills at ${points.size} kinds of points, ${siege.furtherPages} further pages of delta`;
    },
  },
  {
    name: 'graph-kills',
    about: 'The same over users of Microsoft 365 (a first round, changes, anew), and over calendars of who opted in.',
    async run({ site, seed }) {
      const tell = (kills: Kills) => `${kills.count} kills at ${kills.points.size} kinds of points`;
      const timed = async <R extends { kills: Kills }>(what: string, killing: Promise<R>): Promise<R> => {
        const began = performance.now();
        const done = await killing;
        console.log(`  ${what}: ${tell(done.kills)} in ${((performance.now() - began) / 1000).toFixed(0)} s`);
        return done;
      };
      const users = await timed('users', killOverDirectory(site, seed, { every: 1 }));
      const diaries = await timed('calendars of users', killOverDiaries(site, seed, { every: 1 }));
      return `users: ${tell(users.kills)}, ${users.resumed} rounds gone on with; calendars: ${tell(diaries.kills)}`;
    },
  },
  {
    name: 'random-kills',
    about: '100 kills of hub and server at random, each followed by a second one up to a second into the recovery.',
    async run({ site, clock, seed }) {
      const sieges: Siege[] = [];
      for (const kind of sourceKinds) {
        const siege = await Siege.lay(site, clock, { kind, seed, people: 600, pageSize: 50 });
        siege.source.delay_ms = 20;
        sieges.push(siege);
      }
      const random = seededRandom(seed);
      const began = performance.now();
      const onKill = (kill: number) => {
        if (kill % 10 === 0) console.log(`  ${kill} kills after ${((performance.now() - began) / 1000).toFixed(0)} s`);
      };
      const harm = await killAtRandom(site, sieges, random, { kills: 100, pairs: 1, within_ms: 700, onKill });
      for (const siege of sieges) await siege.lift();
      const slowest = Math.round(Math.max(...site.recoveries_ms));
      return `${harm.hubs} hubs and ${harm.servers} servers killed, ${harm.pairs} in pairs, ${harm.passes} passes finished, database back within ${slowest} ms`;
    },
  },
  {
    name: 'fences',
    about: '50 workers that slept past their lease while another took over.',
    async run({ site, clock, seed }) {
      const random = seededRandom(seed);
      for (const kind of sourceKinds) {
        const siege = await Siege.lay(site, clock, { kind, seed, people: 60, pageSize: 10 });
        for (let round = 0; round < 25; round++) {
          const point = random.pick([
            'fetch.after',
            'gate.before',
            'page.acknowledged',
            'statement.before',
            'commit.before',
            'end.before',
          ]);
          const hit = point === 'end.before' ? 1 : 1 + random.below(point === 'statement.before' ? 60 : 6);
          await fenceRound(siege, { point, hit }, random.pick(['after', 'during']));
        }
        await siege.lift();
      }
      return '50 rounds';
    },
  },
  {
    name: 'lost-commits',
    about: '100 COMMITs whose answer, and 100 whose request, never arrived.',
    async run({ site, clock, seed }) {
      for (const fault of ['answer-swallowed', 'never-sent'] as const) {
        const siege = await Siege.lay(site, clock, { kind: 'resumable', seed, people: 60, pageSize: 10 });
        await loseCommits(siege, fault, 100, 10);
        await siege.lift();
      }
      return '200 rounds';
    },
  },
  {
    name: 'feed',
    about: '16 writers of 1,500 transactions each, one in ten rolled back, under a reader that never stops.',
    async run({ seed }) {
      await feedSoak({ seed, log: (line) => console.log(line) });
      // It writes to the database of the tests, not to the site of the kills.
      await mochaHooks.afterAll();
      return 'the reader held exactly the final state of every entity';
    },
  },
];
