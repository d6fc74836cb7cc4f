import { expect } from 'chai';
import { nearest } from '../../src/base/nearest.ts';

describe('did you mean', () => {
  const words = ['people-directory', 'lockers', 'check-in'];

  it('finds slips of the finger, case and underscores', () => {
    for (const slip of ['people_directory', 'People-Directory', 'poeple-directory', 'people-diretory']) {
      expect(nearest(slip, words), slip).equal('people-directory');
    }
    expect(nearest('chekcin', words)).equal('check-in');
  });

  it('guesses nothing from a word that is far away, empty or endless', () => {
    for (const word of ['', 'rooms', 'x', 'lockers'.repeat(20)]) expect(nearest(word, words), word).equal(undefined);
  });
});
