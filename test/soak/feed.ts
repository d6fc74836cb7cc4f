import { feedTrial } from '../support/feed-trial.ts';

/** 16 writers with 1,500 transactions each and three readers. @throws with every difference a reader ended with */
export async function feedSoak({ seed, log }: { seed: number; log: (line: string) => void }): Promise<void> {
  const { differences, ...numbers } = await feedTrial({ seed, writers: 16, transactions: 1500, log });
  log(
    Object.entries(numbers)
      .map(([what, count]) => `${what} ${count}`)
      .join(', '),
  );
  if (differences.length > 0) throw new Error(`The feed lost its way:\n${differences.join('\n')}`);
  const { committed, rolledBack, refused } = numbers;
  if (committed + rolledBack + refused !== 16 * 1500) throw new Error('A transaction was lost.');
  if (rolledBack < 16 * 1500 * 0.08)
    throw new Error(`Only ${rolledBack} transactions were rolled back: the trial does not try what it should.`);
}
